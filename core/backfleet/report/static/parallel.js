"use strict";
// Parallel coordinates of the leaderboard's rows, on a canvas: WebGL is missing on many machines.
(() => {
  const page = window.backfleet;
  const { element } = page;
  const place = document.querySelector("[data-parallel]");
  const table = page.tables.leaderboard;
  if (!place || !table) return;
  const sweep = page.data("sweep");
  const MAX_LINES = 10000, MAX_TICKS = 8, LABEL_CHARS = 22;
  // Lines through one of a few values are spread a little, the best on top.
  const MAX_SPREAD_VALUES = 20, SPREAD = 0.05;
  const HEIGHT = 380, TOP = 68, BOTTOM = 26, SIDE = 44;
  const WORST = [213, 94, 0], MIDDLE = [150, 150, 150], BEST = [0, 114, 178], BEST_ON_DARK = [86, 180, 233];

  const axisOf = (name) => {
    const column = table.column(name);
    const known = [];
    for (let row = 0; row < table.rows; row += 1) if (column.at(row) !== null) known.push(column.at(row));
    const distinct = [...new Set(known)].sort(column.isNumber ? (a, b) => a - b : undefined);
    const last = distinct.length - 1;
    const spread = distinct.length <= MAX_SPREAD_VALUES ? SPREAD : 0;
    if (!column.isNumber) {
      const codes = new Map(distinct.map((text, at) => [text, last ? at / last : 0.5]));
      return { column, spread, ticks: distinct.slice(0, MAX_TICKS), part: (text) => codes.get(text) };
    }
    const low = distinct[0], high = distinct[last];
    const ticks = distinct.length <= MAX_TICKS ? distinct : [low, high];
    const part = (value) => (high > low ? (value - low) / (high - low) : 0.5);
    return { column, spread, ticks, part, value: (at) => low + at * (high - low) };
  };
  const axes = sweep.parallel.map(axisOf);

  // Where the metric of each row stands among all rows: 0 is the worst, 1 the best.
  const metric = table.column(sweep.metric);
  const ranked = Array.from({ length: table.rows }, (_, row) => row).filter((row) => metric.at(row) !== null);
  const way = sweep.smallerIsBetter.includes(sweep.metric) ? -1 : 1;
  ranked.sort((a, b) => (metric.at(a) - metric.at(b)) * way);
  const ranks = new Map(ranked.map((row, at) => [row, ranked.length > 1 ? at / (ranked.length - 1) : 1]));
  const color = (rank, alpha) => {
    const best = page.isDark() ? BEST_ON_DARK : BEST;
    const [from, to, part] = rank < 0.5 ? [WORST, MIDDLE, rank * 2] : [MIDDLE, best, rank * 2 - 1];
    return `rgba(${from.map((each, at) => Math.round(each + (to[at] - each) * part)).join(",")},${alpha})`;
  };

  const canvas = element("canvas");
  place.append(canvas);
  const brush = canvas.getContext("2d");
  const across = (at) => SIDE + (at / Math.max(axes.length - 1, 1)) * (canvas.clientWidth - 2 * SIDE);
  const up = (part) => TOP + (1 - part) * (HEIGHT - TOP - BOTTOM);

  const drawAxes = () => {
    const style = getComputedStyle(place);
    brush.font = `12px ${style.fontFamily}`;
    axes.forEach(({ column, ticks, part }, at) => {
      const x = across(at);
      brush.strokeStyle = brush.fillStyle = style.color;
      brush.beginPath();
      brush.moveTo(x, up(0));
      brush.lineTo(x, up(1));
      brush.stroke();
      brush.save();
      brush.translate(x, TOP - 26);
      brush.rotate(-0.25);
      brush.fillText(page.short(column.label, LABEL_CHARS), -14, 0);
      brush.restore();
      // A halo keeps the values readable above the lines.
      brush.lineWidth = 4;
      brush.strokeStyle = page.color("panel");
      for (const tick of ticks) {
        const text = page.format(column.form, tick);
        const side = at === axes.length - 1 && axes.length > 1 ? -brush.measureText(text).width - 5 : 5;
        brush.strokeText(text, x + side, up(part(tick)) + 4);
        brush.fillText(text, x + side, up(part(tick)) + 4);
      }
      brush.lineWidth = 1;
    });
  };
  const draw = () => {
    const scale = window.devicePixelRatio || 1;
    canvas.width = canvas.clientWidth * scale;
    canvas.height = HEIGHT * scale;
    brush.scale(scale, scale);
    const rows = table.view.filter((row) => ranks.has(row) && axes.every(({ column }) => column.at(row) !== null));
    // The best lines are drawn last, above the others; of too many lines the worst are left out.
    const lines = rows.sort((a, b) => ranks.get(a) - ranks.get(b)).slice(-MAX_LINES);
    const alpha = Math.min(0.9, Math.max(0.08, 12 / Math.sqrt(lines.length)));
    for (const row of lines) {
      brush.strokeStyle = color(ranks.get(row), alpha);
      brush.beginPath();
      axes.forEach(({ column, part, spread }, at) => {
        brush.lineTo(across(at), up(part(column.at(row)) + (ranks.get(row) - 0.5) * spread));
      });
      brush.stroke();
    }
    drawAxes();
    place.dataset.lines = lines.length;
  };

  // A range dragged along an axis becomes two conditions of the leaderboard's filter.
  const setRange = ({ column, value }, from, to) => {
    const bound = new RegExp(`^\\s*${column.name}\\s*[<>]=`, "i");
    const others = table.input.value.split(",").filter((term) => term.trim() && !bound.test(term));
    const [low, high] = [Math.min(from, to), Math.max(from, to)].map((part) => Number(value(part).toPrecision(4)));
    const range = Math.abs(from - to) < 0.01 ? [] : [`${column.name} >= ${low}`, `${column.name} <= ${high}`];
    table.input.value = [...others.map((term) => term.trim()), ...range].join(", ");
    table.apply(table.input.value);
  };
  const partAt = (event) => {
    const height = event.clientY - canvas.getBoundingClientRect().top;
    return Math.min(1, Math.max(0, 1 - (height - TOP) / (HEIGHT - TOP - BOTTOM)));
  };
  canvas.addEventListener("pointerdown", (event) => {
    const x = event.clientX - canvas.getBoundingClientRect().left;
    const at = axes.findIndex((_, axis) => Math.abs(across(axis) - x) < 16);
    // A filter reads plain names only.
    if (at < 0 || !axes[at].value || !/^[\w.]+$/.test(axes[at].column.name)) return;
    const from = partAt(event);
    canvas.setPointerCapture(event.pointerId);
    canvas.addEventListener("pointerup", (end) => setRange(axes[at], from, partAt(end)), { once: true });
  });

  table.onchange(draw);
  document.addEventListener("themechange", draw);
  new ResizeObserver(draw).observe(place);
})();
