# The lock serves every platform, not just the one that it was made on.
node .ci/complete-lock.js --check
