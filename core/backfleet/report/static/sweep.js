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

  // The map: the mean over all rows that pass the leaderboard's filter.
  const form = document.getElementById("map-form");
  const place = document.querySelector("[data-figure='parameter-map']");
  if (!form || !place) return;
  const plain = (text) => String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll("%", "&#37;");
  const values = (column, rows) => {
    const found = [...new Set(rows.map((row) => column.at(row)).filter((each) => each !== null))];
    return column.isNumber ? found.sort((a, b) => a - b) : found.sort();
  };
  const means = (xs, ys, x, y, measure, rows) => {
    const sums = ys.map(() => new Float64Array(xs.length));
    const counts = ys.map(() => new Float64Array(xs.length));
    const across = new Map(xs.map((value, at) => [value, at]));
    const up = new Map(ys.map((value, at) => [value, at]));
    for (const row of rows) {
      const value = measure.at(row), i = up.get(y.at(row)), j = across.get(x.at(row));
      if (value === null || i === undefined || j === undefined) continue;
      sums[i][j] += value;
      counts[i][j] += 1;
    }
    return sums.map((line, i) => Array.from(line, (sum, j) => (counts[i][j] ? sum / counts[i][j] : null)));
  };
  const redraw = () => {
    if (!place.layout) return;
    const [x, y, measure] = ["x", "y", "measure"].map((name) => table.column(form.elements[name].value));
    const rows = table.view;
    const xs = values(x, rows), ys = values(y, rows);
    const z = x === y ? [] : means(xs, ys, x, y, measure, rows);
    const hover = `${plain(x.name)} %{x}<br>${plain(y.name)} %{y}<br>${plain(measure.name)} %{z:.4~g}<extra></extra>`;
    Plotly.update(place,
      { x: [xs.map(plain)], y: [ys.map(plain)], z: [z], texttemplate: xs.length * ys.length <= 150 ? "%{z:.3~g}" : "", hovertemplate: hover, "colorbar.title.text": plain(measure.name) },
      {
        "xaxis.title.text": plain(x.name), "yaxis.title.text": plain(y.name),
        // With new values plotly would guess the types of the axes again.
        "xaxis.type": "category", "yaxis.type": "category",
      });
    const some = rows.length === table.rows ? "all" : "the filter's";
    document.getElementById("map-rows").textContent =
      x === y ? "Choose two different axes." : `The mean over ${some} ${rows.length.toLocaleString("en-US")} tasks.`;
  };
  form.addEventListener("change", redraw);
  table.onchange(redraw);
})();
