"use strict";
// The leaderboard's details, and the map over any two columns.
(() => {
  const page = window.backfleet;
  const { element } = page;
  const table = page.tables.leaderboard;
  const sweep = page.data("sweep");
  if (!table) return;

  // Details of a row.
  const dialog = document.getElementById("row");
  table.open = (row) => {
    const task = table.column("task").at(row);
    dialog.querySelector("h2").textContent = `Task ${task}: ${table.column("symbol").at(row)}`;
    dialog.querySelector("dl").replaceChildren(...table.columns
      .filter((each) => each.name !== "task" && each.at(row) !== null)
      .map((each) => {
        const label = element("dt", { textContent: each.label });
        const value = element("dd", { textContent: page.format(each.form, each.at(row)) });
        if (each.isNumber) value.title = String(each.at(row));
        return element("div", {}, label, value);
      }));
    const link = dialog.querySelector("a");
    if (link) link.href = `${sweep.tasks}/${task}`;
    const command = dialog.querySelector("code");
    if (command) command.textContent = `backfleet report ${sweep.run} ${task}`;
    dialog.showModal();
  };
  dialog.querySelector("button").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  table.draw();

  // The map: a statistic over all rows that pass the leaderboard's filter.
  const form = document.getElementById("map-form");
  const place = document.querySelector("[data-figure='parameter-map']");
  if (!form || !place) return;
  const { maxSymbols, smallerIsBetter } = sweep;
  const plain = (text) => String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll("%", "&#37;");
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const median = (values) => {
    const sorted = Float64Array.from(values).sort(), half = sorted.length >> 1;
    return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
  };
  const least = (values) => values.reduce((a, b) => Math.min(a, b));
  const largest = (values) => values.reduce((a, b) => Math.max(a, b));
  const statistics = (measure) => ({
    mean, median, worst: smallerIsBetter.includes(measure.name) ? largest : least,
  });

  // The values of a column, sorted; of many symbols those with the largest and the smallest mean.
  const values = (column, measure, rows) => {
    const groups = new Map();
    for (const row of rows) {
      const value = column.at(row), number = measure.at(row);
      if (value === null || number === null) continue;
      if (!groups.has(value)) groups.set(value, []);
      groups.get(value).push(number);
    }
    const all = [...groups.keys()];
    if (column.name !== "symbol" || all.length <= maxSymbols) {
      return column.isNumber ? all.sort((a, b) => a - b) : all.sort();
    }
    const means = new Map(all.map((value) => [value, mean(groups.get(value))]));
    all.sort((a, b) => means.get(a) - means.get(b));
    return [...all.slice(0, maxSymbols / 2), ...all.slice(-maxSymbols / 2)];
  };
  const cells = (xs, ys, x, y, measure, rows, statistic) => {
    const across = new Map(xs.map((value, at) => [value, at]));
    const up = new Map(ys.map((value, at) => [value, at]));
    const groups = ys.map(() => xs.map(() => []));
    for (const row of rows) {
      const value = measure.at(row), i = up.get(y.at(row)), j = across.get(x.at(row));
      if (value !== null && i !== undefined && j !== undefined) groups[i][j].push(value);
    }
    return groups.map((line) => line.map((group) => (group.length ? statistic(group) : null)));
  };
  // The colors diverge from 0 if there are values on both sides of it.
  const SEQUENTIAL = "Cividis";
  const colors = (z) => {
    const numbers = z.flat().filter((value) => value !== null);
    if (!numbers.length) return {};
    const low = least(numbers), high = largest(numbers);
    if (low >= 0 || high <= 0) return { colorscale: SEQUENTIAL, zmid: null, zmin: low, zmax: high };
    const reach = Math.max(-low, high);
    const trace = { colorscale: sweep.diverging, zmid: 0, zmin: -reach, zmax: reach };
    page.recolor(trace);
    return trace;
  };
  const FORMATS = { percent: ".2%", count: ",.4~g", money: ",.0f" };
  const redraw = () => {
    if (!place.layout) return;
    const [x, y, measure] = ["x", "y", "measure"].map((name) => table.column(form.elements[name].value));
    const statistic = form.elements.statistic.value;
    const rows = table.view;
    const xs = values(x, measure, rows), ys = values(y, measure, rows);
    const z = x === y ? [] : cells(xs, ys, x, y, measure, rows, statistics(measure)[statistic]);
    const scale = Object.fromEntries(Object.entries(colors(z)).map(([key, value]) => [key, [value]]));
    const format = FORMATS[measure.form] || ".3g";
    const hover = `${plain(x.name)} %{x}<br>${plain(y.name)} %{y}<br>${plain(measure.name)} %{z:${format}}<extra></extra>`;
    const labels = { xaxis: page.ticks(place, xs.map(plain)), yaxis: page.ticks(place, ys.map(plain)) };
    const ticks = Object.fromEntries(Object.entries(labels).flatMap(([axis, values]) =>
      Object.entries(values).map(([key, value]) => [`${axis}.${key}`, value])));
    Plotly.update(place,
      { ...scale, x: [xs.map(plain)], y: [ys.map(plain)], z: [z], texttemplate: xs.length * ys.length <= 150 && page.hasRoom(place, xs.length) ? `%{z:${format}}` : "", hovertemplate: hover, "colorbar.title.text": plain(measure.name), "colorbar.tickformat": measure.form === "percent" ? ".0%" : "" },
      {
        ...ticks,
        height: Math.max(400, 16 * ys.length + 100),
        "xaxis.title.text": plain(x.name), "yaxis.title.text": plain(y.name),
        // With new values plotly would guess the types of the axes again.
        "xaxis.type": "category", "yaxis.type": "category",
      });
    const some = rows.length === table.rows ? "all" : "the filter's";
    document.getElementById("map-rows").textContent =
      x === y ? "Choose two different axes." : `The ${statistic} over ${some} ${rows.length.toLocaleString("en-US")} tasks.`;
  };
  form.addEventListener("change", redraw);
  table.onchange(redraw);
})();
