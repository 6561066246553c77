// The rounds of the zoom: the slider, the button that plays them, and the words of the round that is shown.
const STEP_MS = 1000;
const kept = new WeakMap();

const element = (name, words, className = "") => Object.assign(document.createElement(name), { textContent: words, className });

const newest = (data) => data.rounds.findLastIndex((each) => !each.undone);

// Returns the round that is to be drawn. `again` draws it; `open` is told once how to choose one.
export function wire(data, figure, again, open) {
  const slider = figure.querySelector("[data-round]");
  const button = figure.querySelector("[data-play]");
  const state = kept.get(figure) ?? { chosen: null, timer: null };
  state.data = data;
  state.again = again;
  slider.max = String(data.rounds.length - 1);
  slider.disabled = button.disabled = data.rounds.length < 2;
  if (!kept.has(figure)) {
    kept.set(figure, state);
    const choose = (round) => {
      state.chosen = round >= newest(state.data) && round === state.data.rounds.length - 1 ? null : round;
      state.again();
    };
    const rest = () => {
      clearInterval(state.timer);
      state.timer = null;
      button.textContent = "Play";
    };
    slider.addEventListener("input", () => {
      rest();
      choose(Number(slider.value));
    });
    button.addEventListener("click", () => {
      if (state.timer !== null) {
        rest();
        return;
      }
      button.textContent = "Pause";
      if (state.chosen === null) choose(0);
      state.timer = setInterval(() => {
        if (!figure.isConnected) return rest();
        choose((state.chosen ?? -1) + 1);
        if (state.chosen === null) rest();
      }, STEP_MS);
    });
    open((round) => {
      rest();
      choose(round);
    });
  }
  const at = Math.min(state.chosen ?? newest(data), data.rounds.length - 1);
  slider.value = String(at);
  return at;
}

// The round in words, beneath the slider and to who hears it.
export function tell(data, at, figure) {
  const round = data.rounds[at];
  const slider = figure.querySelector("[data-round]");
  const isNewest = at === newest(data);
  const last = data.rounds.length - 1;
  slider.setAttribute("aria-valuetext", `Round ${at} of ${last}, ${round.kind}${round.undone ? ", taken back" : ""}: ${round.reason}`);
  figure.querySelector("[data-which]").textContent = `${at} of ${last}${isNewest ? ", the one in force" : ""}`;
  const head = element("p", "");
  head.append(element("b", `Round ${at}`), " ", element("span", round.kind, "kind"));
  if (round.undone) head.append(" ", element("span", "taken back", "kind"));
  figure.querySelector("[data-reason]").replaceChildren(head, element("p", round.reason));
}
