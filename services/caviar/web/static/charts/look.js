// Colours and pieces that all charts share. The ramp is viridis: it reads in grey and with any colour vision.

export const RAMP = ["#440154", "#414487", "#2a788e", "#22a884", "#7ad151", "#fde725"];
const RAMP_DARK = ["#6a3d9a", "#5a67b8", "#3d95a8", "#3fc49a", "#9be06c", "#fdf16b"];

export function look() {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => {
    const probe = document.createElement("i");
    probe.style.color = `var(--${name})`;
    document.body.append(probe);
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  };
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  return {
    dark,
    font: style.fontFamily,
    ramp: dark ? RAMP_DARK : RAMP,
    ink: colour("ink"),
    muted: colour("muted"),
    line: colour("line"),
    card: colour("card"),
    accent: colour("accent"),
    box: colour("box"),
    good: colour("good"),
    warn: colour("warn"),
    bad: colour("bad"),
    link: colour("link"),
    still: matchMedia("(prefers-reduced-motion: reduce)").matches,
  };
}

// What each chart begins with.
export function base(look) {
  return {
    animation: false,
    textStyle: { color: look.ink, fontFamily: look.font },
    tooltip: {
      backgroundColor: look.card,
      borderColor: look.line,
      textStyle: { color: look.ink, fontSize: 12 },
      confine: true,
      renderMode: "richText",
    },
  };
}

export function axis(look, more = {}) {
  return {
    axisLine: { lineStyle: { color: look.line } },
    axisTick: { show: false },
    axisLabel: { color: look.muted, hideOverlap: true },
    splitLine: { lineStyle: { color: look.line, opacity: 0.5 } },
    nameTextStyle: { color: look.muted },
    ...more,
  };
}

// Numbers as the service writes them: four digits that matter.
export function number(value) {
  if (value === null || value === undefined) return "–";
  if (typeof value !== "number") return String(value);
  if (Number.isInteger(value) && Math.abs(value) < 1e9) return String(value);
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e9)) return value.toExponential(3).replace(/\.?0+e/, "e");
  return String(Number(value.toPrecision(4)));
}

export function duration(seconds) {
  if (seconds < 60) return `${number(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return `${Math.floor(seconds / 3600)} h ${String(Math.floor((seconds % 3600) / 60)).padStart(2, "0")} min`;
}
