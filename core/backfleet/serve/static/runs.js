"use strict";
// The list of runs: links, boxes to tick, and standings that follow the store.
(() => {
  const page = window.backfleet;
  const { element } = page;
  const table = page.tables.runs;
  if (!table) return;
  const SOON = 1000, LATER = 5000;
  const ticked = new Set();
  const form = document.getElementById("compare");
  const button = form.querySelector("button");
  const words = form.querySelector("[role=status]");

  const tick = (run, box) => {
    if (box.checked) ticked.add(run);
    else ticked.delete(run);
    button.disabled = ticked.size !== 2;
    words.textContent = ticked.size === 2 ? "" : `Tick two runs to compare them: ${ticked.size} of 2.`;
  };

  table.render.run_id = (run, row) => {
    const box = element("input", { type: "checkbox", checked: ticked.has(run) });
    box.setAttribute("aria-label", `Compare ${table.column("name").at(row)}, run ${run}`);
    box.addEventListener("change", () => tick(run, box));
    const link = element("a", { href: `/runs/${run}`, textContent: run, className: "mono" });
    return element("span", { className: "state-free" }, box, " ", link);
  };
  table.render.strategy = (target) =>
    element("span", { textContent: target.split(":").at(-1), title: target });
  table.render.state = (state) =>
    state ? element("span", { className: `state ${state}`, textContent: state }) : "…";
  table.render.part = (part, row) => {
    if (part === null) return "–";
    const bar = element("progress", { max: 1, value: part });
    bar.setAttribute("aria-label", `Tasks done of run ${table.column("run_id").at(row)}`);
    return element("span", { className: "share" }, bar, page.format("percent", part));
  };
  table.draw();

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const query = [...ticked].map((run) => `run=${encodeURIComponent(run)}`).join("&");
    location.assign(`/compare?${query}`);
  });

  const focused = () => {
    const box = document.activeElement?.closest?.("[data-table] tbody a, [data-table] tbody input");
    return box ? { row: box.closest("tr").querySelector("a").textContent, tag: box.tagName } : null;
  };
  const refocus = (place) => {
    if (!place) return;
    const link = [...table.body.querySelectorAll("a")].find((each) => each.textContent === place.row);
    (place.tag === "A" ? link : link?.parentElement.querySelector("input"))?.focus();
  };

  const follow = async () => {
    let pause = LATER;
    try {
      const answer = await fetch("/api/runs");
      if (answer.ok) {
        const found = await answer.json();
        const place = focused();
        table.update(found.table);
        refocus(place);
        pause = found.soon ? SOON : LATER;
      }
    } catch {
      words.textContent = "The server does not answer; the list is as it was.";
    }
    setTimeout(follow, document.hidden ? LATER : pause);
  };
  setTimeout(follow, SOON / 4);
})();
