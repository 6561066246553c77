// What every page has: its connection to the service, its buttons, its pictures.
import "./live.js";
import "./act.js";
import "./charts.js";
import "./new.js";
import "./secret.js";

// Times in the reader's own zone.
export function localTimes(within) {
  for (const time of within.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (!Number.isNaN(at.valueOf())) {
      time.textContent = at.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
    }
  }
}
localTimes(document);
document.addEventListener("htmx:after:swap", () => localTimes(document));
