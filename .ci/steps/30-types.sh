# Strict types, in sources, tests and bench.
tsc
