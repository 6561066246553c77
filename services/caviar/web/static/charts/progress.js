// Every trial's value, and the best so far as steps: over trials, time or cost.
import { axis, base, duration, hollow, number, toTrial } from "./look.js";

const OVER = {
  number: { name: "trial", told: number, ticks: number },
  seconds: { name: "time since it began", told: duration, ticks: duration },
  slot_hours: { name: "slot-hours spent", told: (hours) => `${number(hours)} slot-hours`, ticks: number },
};

const SHAPE = { stopped: "rect" };

export function draw(chart, data, look, figure) {
  const over = figure.querySelector("input:checked")?.value ?? "number";
  const { best, trials } = data;
  figure.dataset.shown = over;
  const at = OVER[over];
  const end = over === "number" ? Math.max(-1, ...trials.number) + 1 : data[over];
  const steps = best.number.map((_, i) => [best[over][i], best.value[i]]);
  if (steps.length) steps.push([Math.max(end, steps.at(-1)[0]), steps.at(-1)[1]]);
  const leading = new Set(best.number);
  const dots = trials.number.map((trial, i) => ({
    value: [trials[over][i], trials.value[i]],
    trial,
    state: data.state[i],
    kind: data.kind[i],
    symbol: SHAPE[data.state[i]] ?? "circle",
    symbolSize: leading.has(trial) ? 9 : 6,
    itemStyle: data.state[i] === "stopped" ? hollow(leading.has(trial) ? look.accent : look.muted, 1.2) : { color: leading.has(trial) ? look.accent : look.muted, opacity: leading.has(trial) ? 1 : 0.55 },
  }));
  chart.setOption(
    {
      ...base(look),
      legend: { top: 0, right: 0, icon: "circle", itemWidth: 10, itemHeight: 10, textStyle: { color: look.ink }, data: [{ name: "best so far" }, { name: "whole trainings" }, { name: "stopped early", icon: "rect", itemStyle: hollow(look.muted) }] },
      grid: { left: 8, right: 16, top: 32, bottom: 26, containLabel: true },
      xAxis: axis(look, { type: "value", min: 0, max: end || 1, name: at.name, nameLocation: "middle", nameGap: 28, splitLine: { show: false }, axisLabel: { color: look.muted, hideOverlap: true, formatter: at.ticks } }),
      yAxis: axis(look, { type: "value", scale: true, name: data.metric, nameTextStyle: { color: look.muted, align: "left" }, axisLabel: { color: look.muted, formatter: number } }),
      series: [
        ...[
          ["whole trainings", dots.filter((dot) => dot.state !== "stopped")],
          ["stopped early", dots.filter((dot) => dot.state === "stopped")],
        ].map(([name, some]) => ({
          name,
          type: "scatter",
          data: some,
          itemStyle: { color: look.muted },
          tooltip: { formatter: ({ data: dot }) => `Trial ${dot.trial}, ${dot.state}\n${number(dot.value[1])}\n${at.told(dot.value[0])}` },
        })),
        {
          name: "best so far",
          type: "line",
          step: "end",
          data: steps,
          symbol: "none",
          lineStyle: { color: look.accent, width: 2.5 },
          itemStyle: { color: look.accent },
          silent: true,
        },
      ],
      tooltip: { ...base(look).tooltip, trigger: "item" },
    },
    { notMerge: true },
  );
  if (figure.dataset.wired) return;
  figure.dataset.wired = "yes";
  for (const radio of figure.querySelectorAll("input[type=radio]")) radio.addEventListener("change", () => figure.dispatchEvent(new Event("caviar:redraw", { bubbles: true })));
  chart.on("click", ({ data: dot }) => dot?.trial !== undefined && toTrial(data.study, dot.trial));
}
