"use strict";
// Prices on demand: the chart of the chosen symbol, zoomed to the trade that is selected.
(() => {
  const page = window.backfleet;
  const place = document.querySelector("[data-figure^='price-']");
  const table = page.tables.trades;
  if (!place) return;
  const MIN_BARS = 10;
  const select = document.getElementById("price-symbol");
  const words = document.getElementById("price-words");

  const show = async (figure) => {
    if (place.dataset.figure === figure) return page.draw(place);
    place.dataset.figure = figure;
    return page.redraw(place);
  };
  select?.addEventListener("change", () => show(select.value));

  // Plotly keeps long arrays as it got them: in Base64.
  const numbers = (values) => (values.bdata ? page.decode(values.bdata) : values);
  const time = (text) => Date.parse(text.includes(" ") ? `${text.replace(" ", "T")}Z` : text);

  const zoom = (opened, closed) => {
    const [low, high] = place.data;
    const times = numbers(low.x), lows = numbers(low.y), highs = numbers(high.y);
    const last = times.length - 1;
    const at = (moment) => {
      const index = times.findIndex((value) => value >= moment);
      return index < 0 ? last : index;
    };
    const from = at(opened), to = closed === null ? last : at(closed);
    const margin = Math.max(MIN_BARS, Math.round((to - from) / 2));
    const first = Math.max(0, from - margin), end = Math.min(last, to + margin);
    const bottom = Math.min(...lows.slice(first, end + 1)), top = Math.max(...highs.slice(first, end + 1));
    const gap = (top - bottom) * 0.08 || 1;
    return Plotly.relayout(place, {
      "xaxis.range": [times[first], times[end]],
      "yaxis.range": [bottom - gap, top + gap],
      shapes: [{
        type: "rect", xref: "x", yref: "paper", x0: times[from], x1: times[to], y0: 0, y1: 1,
        fillcolor: "rgba(128,128,128,0.16)", line: { width: 0 },
      }],
    });
  };

  if (!table) return;
  const value = (name, row) => table.column(name)?.at(row) ?? null;
  table.openLabel = "Show the price during";
  table.open = async (row) => {
    const symbol = value("symbol", row);
    const option = select && [...select.options].find((each) => each.textContent === symbol);
    place.closest("section").scrollIntoView({ block: "start" });
    if (select && !option) {
      words.textContent = `The price of ${symbol} is not in this page.`;
      return;
    }
    if (option) select.value = option.value;
    await show(option ? option.value : place.dataset.figure);
    const closed = value("closed", row);
    await zoom(time(value("opened", row)), closed === null ? null : time(closed));
    words.textContent = `Trade ${value("number", row)}${symbol ? ` of ${symbol}` : ""}. Double-click the chart to see all bars.`;
  };
  table.draw();
})();
