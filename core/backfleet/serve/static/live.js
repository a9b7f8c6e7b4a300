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
        const found = await answer.json();
        bar.value = found.done;
        const failed = found.error ? `, ${number(found.error)} failed` : "";
        words.textContent = `${number(found.done)} of ${number(found.tasks)} tasks are done${failed}.`;
        if (found.state !== "running") return location.reload();
      }
    } catch {
      words.textContent = "The server does not answer.";
    }
    return setTimeout(follow, 1000);
  };
  setTimeout(follow, 500);
})();
