// How much of the metric's variation each parameter explains, beside the tier that it was declared with.
import { axis, base, short } from "./look.js";

const percent = (share) => (share > 0 && share < 0.005 ? "<1%" : `${Math.round(share * 100)}%`);

export function draw(chart, data, look) {
  const shares = [...data.shares].reverse();
  chart.setOption(
    {
      ...base(look),
      grid: { left: 8, right: 56, top: 4, bottom: 4, containLabel: true },
      xAxis: axis(look, { type: "value", min: 0, show: false }),
      yAxis: axis(look, {
        type: "category",
        data: shares.map((each) => each.name),
        axisLabel: {
          color: look.ink,
          formatter: (name, at) => `${short(name, 20)}${shares[at].tier ? `\n{tier|declared tier ${shares[at].tier}}` : ""}`,
          rich: { tier: { color: look.muted, fontSize: 11 } },
        },
        axisLine: { show: false },
      }),
      series: [
        {
          type: "bar",
          data: shares.map((each) => each.share),
          barMaxWidth: 16,
          itemStyle: { color: look.link, borderRadius: [0, 3, 3, 0] },
          label: { show: true, position: "right", color: look.ink, formatter: ({ value }) => percent(value) },
          tooltip: { formatter: ({ dataIndex: at }) => `${short(shares[at].name, 60)}: ${percent(shares[at].share)}` },
        },
      ],
    },
    { notMerge: true },
  );
}
