# Names, shapes and comments of the contract.
buf lint
