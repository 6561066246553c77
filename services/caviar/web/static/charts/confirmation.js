// Each leader's trainings on new seeds, their mean with its 95% interval, and the run that it was chosen by.
import { axis, base, hollow, number, toTrial } from "./look.js";

export function draw(chart, data, look) {
  const leaders = [...data.leaders].reverse();
  const names = leaders.map((each) => `trial ${each.trial}`);
  const bars = leaders.flatMap(({ confirmed }, row) => (confirmed && confirmed.low !== null ? [[confirmed.low, confirmed.high, row]] : []));
  const dot = (name, more, data_) => ({ name, type: "scatter", data: data_, ...more });
  chart.setOption(
    {
      ...base(look),
      tooltip: { ...base(look).tooltip, trigger: "item" },
      legend: { top: 0, left: 0, textStyle: { color: look.ink }, itemWidth: 12, itemHeight: 10 },
      grid: { left: 8, right: 24, top: 36, bottom: 26, containLabel: true },
      xAxis: axis(look, { type: "value", scale: true, name: data.metric, nameLocation: "middle", nameGap: 28, axisLabel: { color: look.muted, hideOverlap: true, formatter: number } }),
      yAxis: axis(look, { type: "category", data: names, axisLabel: { color: look.ink }, splitLine: { show: false } }),
      series: [
        {
          name: "95% interval",
          type: "custom",
          itemStyle: { color: look.box },
          encode: { x: [0, 1], y: 2 },
          data: bars,
          renderItem: (_, api) => {
            const [low, y] = api.coord([api.value(0), api.value(2)]);
            const [high] = api.coord([api.value(1), api.value(2)]);
            return { type: "rect", shape: { x: low, y: y - 9, width: Math.max(high - low, 2), height: 18, r: 3 }, style: { fill: look.box, opacity: 0.6 } };
          },
          tooltip: { formatter: ({ value }) => `95% between ${number(value[0])} and ${number(value[1])}` },
        },
        dot("on new seeds", { symbol: "circle", symbolSize: 8, itemStyle: { color: look.link } }, leaders.flatMap((each, row) => each.again.map((value) => [value, row]))),
        dot("their mean", { symbol: "rect", symbolSize: [4, 20], itemStyle: { color: look.ink } }, leaders.flatMap(({ confirmed }, row) => (confirmed ? [[confirmed.mean, row]] : []))),
        dot("what it was chosen by", { symbol: "diamond", symbolSize: 12, itemStyle: hollow(look.accent, 2) }, leaders.map((each, row) => [each.first, row])),
      ].map((each) => ({ tooltip: { formatter: ({ value, seriesName }) => `${names[value[1]]}, ${seriesName}: ${number(value[0])}` }, ...each })),
    },
    { notMerge: true },
  );
  // Anew each time: the leaders change their places.
  chart.off("click");
  chart.on("click", ({ value }) => toTrial(data.study, Number(names[value.at(-1)]?.slice(6))));
}
