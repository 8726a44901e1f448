# Lint rules, format and import order.
biome check --error-on-warnings .
