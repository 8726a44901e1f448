import type { DescEnum, DescExtension, DescFile, DescMessage, DescService } from "@bufbuild/protobuf";

/** Descriptors by the names that reflection asks for. */
export interface SchemaIndex {
  readonly services: readonly DescService[];
  readonly files: ReadonlyMap<string, DescFile>;
  /** Fully qualified names without a leading dot: messages, fields, oneofs, enums and their values, services, methods, extensions. */
  readonly symbols: ReadonlyMap<string, DescFile>;
  /** By the name of the extended message; a message without extensions has an empty list. */
  readonly extensions: ReadonlyMap<string, readonly DescExtension[]>;
}

/**
 * Indexes the files of these services and everything that those import.
 * @param further files of messages that no service names
 */
export function schemaIndex(
  services: readonly DescService[],
  further: readonly DescFile[] = [],
): SchemaIndex {
  const files = withImports([...services.map((service) => service.file), ...further]);
  const symbols = new Map<string, DescFile>();
  const extensions = new Map<string, DescExtension[]>();
  const found: DescExtension[] = [];

  function addEnum(desc: DescEnum): void {
    symbols.set(desc.typeName, desc.file);
    // Values live beside their enum, not inside it.
    const scope = desc.typeName.slice(0, desc.typeName.length - desc.name.length);
    for (const value of desc.values) symbols.set(`${scope}${value.name}`, desc.file);
  }
  function addMessage(desc: DescMessage): void {
    symbols.set(desc.typeName, desc.file);
    extensions.set(desc.typeName, []);
    for (const member of [...desc.fields, ...desc.oneofs])
      symbols.set(`${desc.typeName}.${member.name}`, desc.file);
    desc.nestedEnums.forEach(addEnum);
    desc.nestedMessages.forEach(addMessage);
    found.push(...desc.nestedExtensions);
  }
  for (const file of files) {
    file.enums.forEach(addEnum);
    file.messages.forEach(addMessage);
    found.push(...file.extensions);
    for (const service of file.services) {
      symbols.set(service.typeName, file);
      for (const method of service.methods) symbols.set(`${service.typeName}.${method.name}`, file);
    }
  }
  for (const extension of found) {
    symbols.set(extension.typeName, extension.file);
    extensions.get(extension.extendee.typeName)?.push(extension);
  }
  return { services, files: new Map(files.map((file) => [file.proto.name, file])), symbols, extensions };
}

/** The files and everything that they import, each once, imports before the files that import them. */
export function withImports(files: readonly DescFile[]): DescFile[] {
  const all = new Set<DescFile>();
  const add = (file: DescFile) => {
    if (all.has(file)) return;
    file.dependencies.forEach(add);
    all.add(file);
  };
  files.forEach(add);
  return [...all];
}
