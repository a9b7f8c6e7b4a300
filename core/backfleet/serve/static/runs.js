"use strict";
// The list of runs: links, boxes to select, and states that follow the store.
(() => {
  const page = window.backfleet;
  const { element } = page;
  const table = page.tables.runs;
  if (!table) return;
  const SOON = 1000, LATER = 5000;
  const selected = new Set();
  const form = document.getElementById("compare");
  const button = form.querySelector("button");
  const words = form.querySelector("[role=status]");

  const select = (run, box) => {
    if (box.checked) selected.add(run);
    else selected.delete(run);
    button.disabled = selected.size !== 2;
    words.textContent = selected.size === 2 ? "" : `Select two runs to compare: ${selected.size} of 2.`;
  };

  const at = (name, row) => table.column(name).at(row);
  const two = (first, ...others) =>
    element("span", { className: "two" }, first, ...others.map((text) => element("small", {}, text)));
  const count = (number, word) => `${page.format("count", number)} ${word}${number === 1 ? "" : "s"}`;

  table.render.name = (name, row) => {
    const run = at("run_id", row);
    const box = element("input", { type: "checkbox", checked: selected.has(run) });
    box.setAttribute("aria-label", `Compare ${name}, run ${run}`);
    box.addEventListener("change", () => select(run, box));
    const link = element("a", { href: `/runs/${run}`, textContent: run, className: "mono" });
    const tags = (at("tags", row) || "").split(", ").filter(Boolean)
      .map((tag) => element("span", { className: "tag", textContent: tag }));
    return element("span", { className: "picked" }, box,
      element("span", { className: "two" }, element("b", { textContent: name }), element("small", {}, link, ...tags)));
  };
  table.render.strategy = (target, row) => {
    if (!target) return "";
    const cell = two(target.split(":").at(-1), `code ${at("code", row)}`);
    cell.title = target;
    return cell;
  };
  table.render.first = (first, row) =>
    first ? two(first, `to ${at("last", row)}`, count(at("symbols", row), "symbol")) : "";
  const score = (value, row) => {
    if (value === null) return "–";
    const metric = at("metric", row);
    return two(page.format(metric === "sharpe" ? "ratio" : "number", value), metric);
  };
  table.render.best = score;
  table.render.median = score;
  table.render.state = (state, row) => {
    const part = at("part", row);
    const name = state ? element("span", { className: `state ${state}`, textContent: state }) : "…";
    const tasks = at("tasks", row);
    if (tasks === null) return name;
    const parts = [part === null || part === 1 ? count(tasks, "task") : `${page.format("percent", part)} of ${count(tasks, "task")}`];
    for (const [column, word] of [["suspicious", "suspicious"], ["error", "failed"]]) {
      if (at(column, row)) parts.push(`${page.format("count", at(column, row))} ${word}`);
    }
    const words = two(name, parts.join(", "));
    if (state === "running" && part !== null) {
      const bar = element("progress", { max: 1, value: part });
      bar.setAttribute("aria-label", `Tasks done of run ${at("run_id", row)}`);
      words.append(bar);
    }
    return words;
  };
  const UNITS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  table.render.seconds = (seconds, row) => {
    if (seconds === null) return "–";
    const [size, unit] = UNITS.find(([each]) => seconds >= each) || UNITS.at(-1);
    const time = `${(seconds / size).toFixed(1)} ${unit}`;
    const charged = at("charged", row);
    return charged ? two(time, charged) : element("span", { className: "two", textContent: time });
  };
  table.render.created = (created) => two(created.slice(0, 10), created.slice(11, 16));
  table.render.parameters = (text, row) => {
    const setup = at("setup", row) || "";
    const title = [text, setup].filter(Boolean).join("\n");
    return element("span", { className: "wrapped", title }, two(text, setup));
  };
  table.draw();

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const query = [...selected].map((run) => `run=${encodeURIComponent(run)}`).join("&");
    location.assign(`/compare?${query}`);
  });

  const focused = () => {
    const box = document.activeElement?.closest?.("[data-table] tbody a, [data-table] tbody input");
    return box ? { row: box.closest("tr").querySelector("a").textContent, tag: box.tagName } : null;
  };
  const refocus = (place) => {
    if (!place) return;
    const link = [...table.body.querySelectorAll("a")].find((each) => each.textContent === place.row);
    (place.tag === "A" ? link : link?.closest("tr").querySelector("input"))?.focus();
  };

  const follow = async () => {
    let pause = LATER;
    try {
      const answer = await fetch("/api/runs");
      if (answer.ok) {
        const list = await answer.json();
        const place = focused();
        table.update(list.table);
        refocus(place);
        pause = list.soon ? SOON : LATER;
      }
    } catch {
      words.textContent = "The server does not answer; the list is as it was.";
    }
    setTimeout(follow, document.hidden ? LATER : pause);
  };
  setTimeout(follow, SOON / 4);
})();
