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

// The ramp's colour of a rank between 0, the worst, and 1, the best; grey where there is none.
export function shade(look, rank) {
  if (rank === null || rank === undefined) return look.muted;
  const place = Math.min(Math.max(rank, 0), 1) * (look.ramp.length - 1);
  const low = Math.min(Math.floor(place), look.ramp.length - 2);
  const [from, to] = [look.ramp[low], look.ramp[low + 1]].map((text) => [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16)));
  return `rgb(${from.map((one, at) => Math.round(one + (to[at] - one) * (place - low))).join(",")})`;
}

// A colour of look() seen through.
export const faint = (colour, share) => colour.replace(/^rgba?\(([^,]+,[^,]+,[^,)]+).*\)$/, `rgba($1, ${share})`);

// Where the trial has its own page.
export function toTrial(study, number) {
  location.assign(`/studies/${encodeURIComponent(study)}/trials/${number}`);
}

// What is written in a tooltip: rich text has a markup of its own, in braces.
export const plain = (text) => String(text).replace(/[{}|]/g, " ");

// Lines of at most `most` characters.
export function wrapped(text, most = 60) {
  const lines = [""];
  for (const word of plain(text).split(/\s+/)) {
    if ((lines[lines.length - 1] + word).length > most && lines[lines.length - 1]) lines.push("");
    lines[lines.length - 1] += (lines[lines.length - 1] ? " " : "") + word;
  }
  return lines.join("\n");
}

// An axis from 0 to 1 on which a parameter's own ticks are written: both ends, and between them what has `room`.
export function ticked(look, view, more = {}, room = 0) {
  const words = new Map(view.ticks.map(([place, text]) => [place.toFixed(4), text]));
  const end = view.ticks.at(-1)?.[0];
  const at = [];
  for (const [place] of view.ticks) {
    const isFree = at.length === 0 || place - at.at(-1) >= room;
    if (place === end || (isFree && end - place >= room)) at.push(place);
  }
  return axis(look, {
    type: "value",
    min: 0,
    max: 1,
    ...more,
    axisLabel: {
      color: look.muted,
      fontSize: 11,
      hideOverlap: true,
      customValues: at,
      formatter: (place) => short(words.get(Number(place).toFixed(4)) ?? ""),
      ...more.axisLabel,
    },
  });
}

export const short = (text, most = 12) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

// A symbol that is only its outline: those of ECharts are filled with white, in the dark too.
export const hollow = (colour, width = 1.5) => ({ color: "transparent", borderColor: colour, borderWidth: width });
