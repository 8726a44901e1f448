# One layout for every .proto file.
buf format --diff --exit-code
