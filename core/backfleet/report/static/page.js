"use strict";
// What every page has: data blocks, the theme, tooltips, buttons that copy.
(() => {
  const page = (window.backfleet = { tables: {} });

  page.data = (name) => {
    const block = document.getElementById(`data-${name}`);
    return block ? JSON.parse(block.textContent) : null;
  };

  // Numbers in Base64, as the tables and the figures of a page have them.
  const ARRAYS = { f8: Float64Array, i1: Int8Array, i2: Int16Array, i4: Int32Array };
  page.decode = (text, type = "f8") => {
    const binary = atob(text);
    const bytes = new Uint8Array(binary.length);
    for (let at = 0; at < binary.length; at += 1) bytes[at] = binary.charCodeAt(at);
    return new ARRAYS[type](bytes.buffer);
  };

  // A cell's text, by the form of its column.
  // "negative" gives a small loss that rounds to -0.00 no sign.
  const numbers = (options) =>
    new Intl.NumberFormat("en-US", { signDisplay: "negative", ...options });
  const fixed = (digits, most = digits, options = {}) =>
    numbers({ minimumFractionDigits: digits, maximumFractionDigits: most, ...options });
  const forms = {
    money: fixed(2),
    ratio: fixed(3),
    count: fixed(0),
    percent: fixed(2, 2, { style: "percent" }),
    price: fixed(2, 4),
    number: numbers({ maximumSignificantDigits: 6 }),
  };
  page.format = (form, value) => {
    if (value === null || Number.isNaN(value)) return "–";
    return typeof value === "number" ? (forms[form] || forms.number).format(value) : value;
  };

  // A long text without its middle.
  page.short = (text, chars) =>
    (text.length > chars ? `${text.slice(0, chars / 2 - 1)}…${text.slice(-chars / 2)}` : text);

  page.element = (tag, properties = {}, ...children) => {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  };

  // A color of the style sheet, as figures and canvases take it.
  page.color = (name) => {
    const probe = page.element("span");
    probe.style.color = `var(--${name})`;
    document.body.append(probe);
    const color = getComputedStyle(probe).color;
    probe.remove();
    return color;
  };

  // Theme: the system's, until somebody chooses.
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const remembered = () => {
    try { return localStorage.getItem("backfleet-theme"); } catch { return null; }
  };
  page.isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const button = document.getElementById("theme");
  const show = () => {
    button.textContent = page.isDark() ? "Light" : "Dark";
    button.setAttribute("aria-label", `Change to the ${page.isDark() ? "light" : "dark"} theme`);
    document.dispatchEvent(new Event("themechange"));
  };
  const chosen = remembered();
  if (chosen === "dark" || chosen === "light") root.dataset.theme = chosen;
  button.addEventListener("click", () => {
    root.dataset.theme = page.isDark() ? "light" : "dark";
    try { localStorage.setItem("backfleet-theme", root.dataset.theme); } catch { /* not kept */ }
    show();
  });
  system.addEventListener("change", show);
  show();

  // Tooltips, for the mouse and for the keyboard.
  const tip = document.getElementById("tip");
  let owner = null;
  const place = (target) => {
    const box = target.getBoundingClientRect();
    tip.hidden = false;
    const width = tip.offsetWidth, height = tip.offsetHeight;
    const left = Math.min(Math.max(box.left, 12), innerWidth - width - 12);
    const above = box.top - height - 8;
    tip.style.left = `${Math.max(left, 12)}px`;
    tip.style.top = `${above > 60 ? above : box.bottom + 8}px`;
  };
  const hide = () => {
    if (owner) owner.removeAttribute("aria-describedby");
    owner = null;
    tip.hidden = true;
  };
  const reveal = (event) => {
    const target = event.target.closest?.("[data-tip]");
    if (!target || !target.dataset.tip) return hide();
    if (target === owner) return undefined;
    hide();
    owner = target;
    tip.textContent = target.dataset.tip;
    target.setAttribute("aria-describedby", "tip");
    return place(target);
  };
  document.addEventListener("mouseover", reveal);
  document.addEventListener("focusin", reveal);
  document.addEventListener("focusout", hide);
  document.addEventListener("scroll", hide, { passive: true, capture: true });
  document.addEventListener("keydown", (event) => event.key === "Escape" && hide());

  for (const copy of document.querySelectorAll("[data-copy]")) {
    copy.addEventListener("click", async () => {
      const text = document.getElementById(copy.dataset.copy).textContent;
      const label = copy.textContent;
      try {
        await navigator.clipboard.writeText(text);
        copy.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(document.getElementById(copy.dataset.copy));
        copy.textContent = "Selected";
      }
      setTimeout(() => { copy.textContent = label; }, 1500);
    });
  }
})();
