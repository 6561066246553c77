// How much of the metric's variation each parameter explains, beside the tier that it was declared with.
import { axis, base, plain, short } from "./look.js";

const percent = (share) => (share > 0 && share < 0.005 ? "<1%" : `${Math.round(share * 100)}%`);

export function draw(chart, data, look) {
  const shares = [...data.shares].reverse();
  const isWide = chart.getWidth() > 480;
  const beside = (each) => {
    const words = isWide ? each.verdict.split(". ")[0] || (each.tier ? `declared tier ${each.tier}` : "") : each.tier ? `tier ${each.tier}` : "";
    return `{share|${percent(each.share)}}  {tier|${plain(words)}}`;
  };
  chart.setOption(
    {
      ...base(look),
      grid: { left: 8, right: isWide ? 285 : 90, top: 4, bottom: 4, containLabel: true },
      xAxis: axis(look, { type: "value", min: 0, show: false }),
      yAxis: axis(look, {
        type: "category",
        data: shares.map((each) => each.name),
        axisLabel: {
          color: look.ink,
          formatter: (name) => short(name, 20),
        },
        axisLine: { show: false },
      }),
      series: [
        {
          type: "bar",
          data: shares.map((each) => each.share),
          barMaxWidth: 16,
          itemStyle: { color: look.link, borderRadius: [0, 3, 3, 0] },
          label: { show: true, position: "right", color: look.ink, formatter: ({ dataIndex: at }) => beside(shares[at]), rich: { share: { fontWeight: 600, color: look.ink }, tier: { color: look.muted, fontSize: 12 } } },
          tooltip: { formatter: ({ dataIndex: at }) => `${short(shares[at].name, 60)}: ${percent(shares[at].share)}` },
        },
      ],
    },
    { notMerge: true },
  );
}
