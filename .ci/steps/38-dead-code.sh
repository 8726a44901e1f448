# What nothing uses: first files, exports and packages in all of the tree, then files that only tests use.
npm run dead-code
