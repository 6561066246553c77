// Every trial as a line through its values, each parameter on its own scale, the metric at the end.
import { axis, base, faint, number, shade, short, ticked } from "./look.js";

export function draw(chart, data, look, figure) {
  const { axes, dots } = data;
  // On a narrow screen it is wider than its card: then it is moved with the arrow keys too.
  Object.assign(figure, { tabIndex: 0, role: "region", ariaLabel: "All parameters at once" });
  const order = dots.number.map((_, i) => i).filter((i) => dots.value[i] !== null);
  order.sort((a, b) => (dots.rank[a] ?? -1) - (dots.rank[b] ?? -1));
  const opacity = order.length > 300 ? 0.3 : 0.65;
  const lines = order.map((i, place) => {
    const isBest = place === order.length - 1;
    return {
      value: [...axes.map((each) => dots.positions[each.name][i] ?? "-"), dots.value[i]],
      lineStyle: { color: isBest ? look.accent : shade(look, dots.rank[i]), width: isBest ? 3 : 1.3, opacity: isBest ? 1 : opacity },
    };
  });
  const named = { nameLocation: "end", nameGap: 14, nameTextStyle: { color: look.ink, fontSize: 12 } };
  const label = { color: look.ink, fontSize: 11, backgroundColor: faint(look.card, 0.8), padding: [1, 3] };
  const kept = chart.getOption()?.parallelAxis?.map((each) => each.areaSelectStyle && chart.getModel().getComponent("parallelAxis", each.dim)?.activeIntervals) ?? [];
  chart.setOption(
    {
      ...base(look),
      parallel: { left: 56, right: 48, top: 40, bottom: 16, axisExpandable: false },
      parallelAxis: [
        ...axes.map((each, dim) => ({ dim, name: short(each.name, 16), ...ticked(look, each, { ...named, axisLine: { lineStyle: { color: look.muted } }, axisLabel: label }) })),
        {
          dim: axes.length,
          name: short(data.metric, 16),
          ...axis(look, { type: "value", scale: true, ...named, axisLine: { lineStyle: { color: look.ink } }, axisLabel: { ...label, formatter: number } }),
          inverse: data.goal === "minimize",
        },
      ],
      series: [{ type: "parallel", smooth: 0.15, progressive: 500, inactiveOpacity: 0.03, activeOpacity: 0.9, data: lines }],
    },
    { notMerge: true },
  );
  kept.forEach((intervals, dim) => {
    if (intervals?.length) chart.dispatchAction({ type: "axisAreaSelect", parallelAxisId: chart.getModel().getComponent("parallelAxis", dim).id, intervals });
  });
}
