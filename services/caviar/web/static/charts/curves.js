// Learning curves, step by step: the best in bold, a mark where one was stopped early or failed.
import { axis, base, hollow, number, plain, shade, toTrial, wrapped } from "./look.js";

const ENDS = { stopped: "rect", failed: "triangle", quarantined: "triangle", running: "circle" };

export function draw(chart, data, look, figure) {
  const ended = data.lines.filter((line) => line.rank !== null && line.state === "done");
  const own = Number(figure.closest("[data-best]")?.dataset.best || -1);
  const best = ended.find((line) => line.number === own) ?? (ended.length ? ended.reduce((one, two) => (two.rank > one.rank ? two : one)) : null);
  const lines = [...data.lines].sort((one, two) => (one === best) - (two === best) || (one.rank ?? 0) - (two.rank ?? 0));
  const last = Math.max(1, ...data.lines.map((line) => line.steps.at(-1) ?? 0));
  const first = Math.min(last, ...data.lines.map((line) => line.steps[0] ?? last));
  const isLog = first > 0 && last / first > 100;
  const told = (line) => `Trial ${line.number}, ${line.state}\n${number(line.values.at(-1))} at step ${line.steps.at(-1)}${line.ended ? `\n${wrapped(line.ended)}` : ""}`;
  const colour = (line) => (line === best ? look.accent : shade(look, line.rank));
  chart.setOption(
    {
      ...base(look),
      tooltip: { ...base(look).tooltip, trigger: "item" },
      grid: { left: 8, right: 16, top: 32, bottom: 26, containLabel: true },
      xAxis: axis(look, { type: isLog ? "log" : "value", min: isLog ? first : 0, max: last, name: "step", nameLocation: "middle", nameGap: 28, splitLine: { show: false } }),
      yAxis: axis(look, { type: "value", scale: true, name: data.metric, nameTextStyle: { color: look.muted, align: "left" }, axisLabel: { color: look.muted, formatter: number } }),
      series: [
        ...lines.map((line) => ({
          type: "line",
          name: String(line.number),
          data: line.steps.map((step, i) => [step, line.values[i]]),
          symbol: line.steps.length > 1 ? "none" : "circle",
          triggerLineEvent: true,
          trial: line.number,
          lineStyle: { color: colour(line), width: line === best ? 3 : 1.3, opacity: line === best ? 1 : 0.7, type: line.state === "running" ? "dashed" : "solid" },
          itemStyle: { color: colour(line) },
          emphasis: { lineStyle: { width: 3, opacity: 1 } },
          tooltip: { formatter: () => told(line) },
          endLabel: { show: line === best, formatter: `trial ${line.number}`, color: look.ink, offset: [-62, -14] },
        })),
        {
          type: "scatter",
          data: lines
            .filter((line) => ENDS[line.state])
            .map((line) => ({ value: [line.steps.at(-1), line.values.at(-1)], line, symbol: ENDS[line.state], symbolSize: 8, itemStyle: line.state === "running" ? hollow(look.link) : { color: shade(look, line.rank), borderColor: look.ink, borderWidth: 1 } })),
          tooltip: { formatter: ({ data: dot }) => told(dot.line) },
          z: 5,
        },
      ],
    },
    { notMerge: true },
  );
  if (figure.dataset.wired) return;
  figure.dataset.wired = "yes";
  chart.on("click", (event) => toTrial(data.study, plain(event.data?.line?.number ?? event.seriesName)));
}
