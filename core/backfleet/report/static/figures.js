"use strict";
// Draws the figures when they come near the screen, in the colors of the page.
(() => {
  const page = window.backfleet;
  const config = {
    responsive: true,
    displaylogo: false,
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
  };
  const drawn = new Map();

  // The library takes a while to start: it lies in the page as text until a figure needs it, or the
  // reader has had time for a first click and the browser nothing to do.
  const PAUSE = 3000;
  let library = null;
  const ready = () => {
    library ??= new Promise((resolve, reject) => {
      const block = document.getElementById("plotly");
      const script = page.element("script");
      if (block.dataset.src) {
        Object.assign(script, { src: block.dataset.src, onload: resolve, onerror: reject });
      } else {
        script.textContent = block.textContent;
      }
      document.head.append(script);
      if (!block.dataset.src) resolve();
    });
    return library;
  };
  const idle = window.requestIdleCallback || ((call) => setTimeout(call, 500));
  addEventListener("load", () => setTimeout(() => idle(ready), PAUSE));

  const AXIS = /^[xy]axis\d*$/;
  const theme = (layout) => {
    const [ink, quiet, line, panel] = ["ink", "quiet", "line", "panel"].map(page.color);
    const themed = {
      "font.color": quiet,
      "font.family": getComputedStyle(document.body).fontFamily,
      "hoverlabel.bgcolor": panel,
      "hoverlabel.bordercolor": line,
      "hoverlabel.font.color": ink,
      "modebar.color": quiet,
      "modebar.activecolor": ink,
      "modebar.bgcolor": "rgba(0,0,0,0)",
      "legend.font.color": ink,
    };
    const axes = new Set(["xaxis", "yaxis", ...Object.keys(layout).filter((key) => AXIS.test(key))]);
    for (const axis of axes) {
      themed[`${axis}.gridcolor`] = line;
      themed[`${axis}.linecolor`] = line;
      themed[`${axis}.zerolinecolor`] = line;
      themed[`${axis}.title.font.color`] = quiet;
    }
    return themed;
  };

  // The palette's blue is too dark for a dark page; there its sky blue stands for it.
  // The middle of a diverging scale is the color of the page.
  const LIGHT = ["#0072B2", "rgba(0,114,178,", "#F2F0EC"];
  const DARK = ["#56B4E9", "rgba(86,180,233,", "#262A31"];
  const swapped = (text) => {
    const [from, to] = page.isDark() ? [LIGHT, DARK] : [DARK, LIGHT];
    return from.reduce((result, color, at) => result.replace(color, to[at]), text);
  };
  const recolor = (part) => {
    for (const [key, value] of Object.entries(part)) {
      if (typeof value === "string" && /color$/.test(key)) part[key] = swapped(value);
      else if (key === "colorscale" && Array.isArray(value)) {
        part[key] = value.map(([at, color]) => [at, swapped(color)]);
      }
      else if (value && Object.getPrototypeOf(value) === Object.prototype) recolor(value);
    }
  };

  page.recolor = recolor;

  // Long names of symbols and parameters would leave a figure no room.
  const NARROW_PIXELS = 520, LABEL_CHARS = 44, NARROW_LABEL_CHARS = 20;
  const TITLE_CHARS = 26, WIDE_TITLE_CHARS = 100;
  const isNarrow = (place) => place.clientWidth < NARROW_PIXELS;
  page.ticks = (place, values) => {
    const chars = isNarrow(place) ? NARROW_LABEL_CHARS : LABEL_CHARS;
    if (values.every((value) => value.length <= chars)) {
      return { tickmode: "auto", tickvals: null, ticktext: null };
    }
    return { tickmode: "array", tickvals: values, ticktext: values.map((value) => page.short(value, chars)) };
  };
  const shorten = (place, { data, layout }) => {
    for (const [name, axis] of Object.entries(layout)) {
      if (!AXIS.test(name)) continue;
      const room = isNarrow(place) || name.startsWith("y") ? TITLE_CHARS : WIDE_TITLE_CHARS;
      if (axis.title?.text) axis.title.text = page.short(axis.title.text, room);
      if (axis.type !== "category") continue;
      const values = data.flatMap((trace) => (Array.isArray(trace[name[0]]) ? trace[name[0]] : []));
      Object.assign(axis, page.ticks(place, [...new Set(values)].map(String)));
    }
  };

  // Whether the cells of a map are wide enough for a number in each, beside its axis and colors.
  const MIN_CELL_PIXELS = 44, BESIDE_PIXELS = 150;
  page.hasRoom = (place, columns) => (place.clientWidth - BESIDE_PIXELS) / columns >= MIN_CELL_PIXELS;

  const set = (target, path, value) => {
    const keys = path.split(".");
    const last = keys.pop();
    let place = target;
    for (const key of keys) place = place[key] ??= {};
    place[last] = value;
  };

  const plot = async (place) => {
    const figure = JSON.parse(document.getElementById(`figure-${place.dataset.figure}`).textContent);
    const narrow = isNarrow(place);
    if (narrow && figure.layout.margin) Object.assign(figure.layout.margin, { l: 52, r: 8 });
    for (const [path, value] of Object.entries(theme(figure.layout))) set(figure.layout, path, value);
    figure.data.forEach(recolor);
    shorten(place, figure);
    for (const trace of figure.data) {
      if (trace.texttemplate && !page.hasRoom(place, trace.x.length)) trace.texttemplate = "";
    }
    place.style.minHeight = "0";
    await ready();
    await Plotly.newPlot(place, figure.data, figure.layout, { ...config, displayModeBar: narrow ? false : "hover" });
    place.dataset.drawn = "yes";
  };
  // Resolves when the figure of a place is drawn, however often it is asked for.
  const draw = (place) => {
    if (!drawn.has(place)) drawn.set(place, plot(place));
    return drawn.get(place);
  };
  page.draw = draw;
  page.redraw = (place) => {
    drawn.delete(place);
    return draw(place);
  };

  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (entry.isIntersecting) {
        watcher.unobserve(entry.target);
        draw(entry.target);
      }
    }
  }, { rootMargin: "300px" });
  for (const place of document.querySelectorAll("[data-figure]")) watcher.observe(place);

  document.addEventListener("themechange", () => {
    for (const place of drawn.keys()) {
      if (!place.layout) continue;
      place.data.forEach(recolor);
      for (const [path, value] of Object.entries(theme(place.layout))) set(place.layout, path, value);
      Plotly.redraw(place);
    }
  });
  addEventListener("beforeprint", () => {
    for (const place of document.querySelectorAll("[data-figure]")) draw(place);
  });
})();
