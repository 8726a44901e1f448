/** A bar of the chart. */
export interface Bar {
  readonly label: string;
  readonly value: number;
  /** Drawn in the colour of attention. */
  readonly ours: boolean;
}

const [width, left, right, rowHeight, top] = [760, 330, 70, 26, 56];

/** Horizontal bars as an SVG of its own, in colours that follow the reader's light or dark theme. */
export function barChart(title: string, subtitle: string, bars: readonly Bar[]): string {
  const most = Math.max(1, ...bars.map(({ value }) => value));
  const height = top + bars.length * rowHeight + 12;
  const lines = bars.map(({ label, value, ours }, index) => {
    const y = top + index * rowHeight;
    const length = (value / most) * (width - left - right);
    return [
      `<text x="${left - 8}" y="${y + 14}" text-anchor="end">${escaped(label)}</text>`,
      `<rect x="${left}" y="${y}" width="${length.toFixed(1)}" height="${rowHeight - 8}" rx="2" class="${ours ? "ours" : "other"}"/>`,
      `<text x="${(left + length + 6).toFixed(1)}" y="${y + 14}">${value.toFixed(2)} ×</text>`,
    ].join("");
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(title)}">`,
    "<style>text{font:13px system-ui,sans-serif;fill:#1f2328}.title{font-weight:600;font-size:15px}.ours{fill:#0969da}.other{fill:#8c959f}",
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.ours{fill:#4493f8}.other{fill:#6e7681}}</style>",
    `<text x="12" y="20" class="title">${escaped(title)}</text><text x="12" y="40">${escaped(subtitle)}</text>`,
    ...lines,
    "</svg>",
    "",
  ].join("\n");
}

function escaped(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
