# What nobody expects, sent to a real server from every side: a short run, with a seed of its own each time.
npm run test:fuzz -- --seconds 40 | sed '/inputs, /s/^/note: /'
