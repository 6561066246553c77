// A champion's mean from check to check, the verdict of each, and which champion it was.
import { axis, base, number } from "./look.js";

// Shape and colour: neither says it alone.
const SHAPES = { holds: ["circle", "good"], moved: ["triangle", "bad"], inconclusive: ["rect", "warn"] };
const day = (moment) => new Date(moment).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });

export function draw(chart, data, look) {
  const checks = data.checks.filter((each) => each.verdict && each.verdict.champion !== null);
  const held = data.champions.filter((each) => each.decided !== null && ["champion", "former"].includes(each.state));
  const at = (check) => 1000 * (check.ended ?? check.asked);
  const valued = held.filter((each) => each.value !== null);
  const groups = Object.keys(SHAPES).filter((word) => checks.some((each) => each.verdict.word === word));
  const moments = [...checks.map(at), ...held.map((each) => 1000 * each.decided)];
  // Room at both sides: what lies on the very edge is cut off.
  const [first, last] = [Math.min(...moments), Math.max(...moments)];
  const room = 0.03 * (last - first) || 60_000;
  chart.setOption(
    {
      ...base(look),
      grid: { left: 8, right: 24, top: 60, bottom: 8, containLabel: true },
      legend: { top: 0, left: 0, textStyle: { color: look.muted }, data: [...groups, "when it was found"].map((name) => ({ name })) },
      tooltip: { ...base(look).tooltip, trigger: "item", formatter: (each) => each.data.words ?? "" },
      xAxis: axis(look, { type: "time", min: first - room, max: last + room, splitLine: { show: false } }),
      yAxis: axis(look, { type: "value", name: data.metric, scale: true, nameTextStyle: { color: look.muted, align: "left" }, axisLabel: { color: look.muted, formatter: number } }),
      series: [
        {
          id: "means",
          name: "the champion's mean",
          type: "line",
          silent: true,
          symbol: "none",
          lineStyle: { color: look.muted, width: 1.5 },
          data: checks.map((each) => [at(each), each.verdict.champion]),
          markLine: {
            silent: true,
            symbol: "none",
            data: held.map((each) => ({
              xAxis: 1000 * each.decided,
              lineStyle: { color: look.link, type: [4, 3] },
              label: { formatter: `champion ${each.number}`, color: look.link, position: "insideEndTop", fontSize: 11 },
            })),
          },
        },
        {
          id: "intervals",
          type: "custom",
          silent: true,
          data: valued.filter((each) => each.low !== null).map((each) => [1000 * each.decided, each.low, each.high]),
          encode: { x: 0, y: [1, 2] },
          renderItem: (_, api) => {
            const [x, low] = api.coord([api.value(0), api.value(1)]);
            const [, high] = api.coord([api.value(0), api.value(2)]);
            return { type: "line", shape: { x1: x, y1: low, x2: x, y2: high }, style: { stroke: look.link, lineWidth: 3 } };
          },
        },
        {
          id: "found",
          name: "when it was found",
          type: "scatter",
          symbol: "diamond",
          symbolSize: 13,
          itemStyle: { color: look.link },
          data: valued.map((each) => ({
            value: [1000 * each.decided, each.value],
            words: `champion ${each.number}, ${day(1000 * each.decided)}\n${data.metric} ${number(each.value)}${each.low === null ? "" : ` (95%: ${number(each.low)} to ${number(each.high)})`}`,
          })),
        },
        ...groups.map((word) => ({
          id: word,
          name: word,
          type: "scatter",
          symbol: SHAPES[word][0],
          symbolSize: 13,
          itemStyle: { color: look[SHAPES[word][1]], borderColor: look.card, borderWidth: 1 },
          z: 5,
          data: checks
            .filter((each) => each.verdict.word === word)
            .map((each) => ({
              value: [at(each), each.verdict.champion],
              words: `check ${each.number}, ${day(at(each))}: ${word}\n${data.metric} ${number(each.verdict.champion)}, champion ${each.champion}`,
            })),
        })),
      ],
    },
    { replaceMerge: ["series"] },
  );
}
