"use strict";
// Follows a run that is in progress, and shows its whole report when it has ended.
(() => {
  const place = document.getElementById("live");
  if (!place) return;
  const bar = place.querySelector("progress");
  const words = place.querySelector("[role=status]");
  const number = (value) => value.toLocaleString("en-US");

  const follow = async () => {
    try {
      const answer = await fetch(`/api/runs/${place.dataset.run}`);
      if (answer.ok) {
        const state = await answer.json();
        bar.value = state.done;
        const failed = state.error ? `, ${number(state.error)} failed` : "";
        words.textContent = `${number(state.done)} of ${number(state.tasks)} tasks are done${failed}.`;
        if (state.state !== "running") return location.reload();
      }
    } catch {
      words.textContent = "The server does not answer.";
    }
    return setTimeout(follow, 1000);
  };
  setTimeout(follow, 500);
})();
