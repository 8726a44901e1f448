# Which part may import which. It ends with a warning that TypeScript 7 has no API yet: the parser is another one,
# and test/package/imports.test.ts proves that it reads TypeScript.
depcruise --config .dependency-cruiser.js src bench test
