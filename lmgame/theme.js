"use strict";
(() => {
  const root = document.documentElement, button = document.getElementById("theme");
  const kept = (value) => {
    try {
      if (value !== undefined) localStorage.setItem("lmgame-theme", value);
      return localStorage.getItem("lmgame-theme");
    } catch { return null; }  // some browsers keep nothing for file://
  };
  const dark = () => root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const say = () => { button.textContent = dark() ? "Light" : "Dark"; button.setAttribute("aria-label", dark() ? "Use light colours" : "Use dark colours"); };
  const before = kept();
  if (before === "dark" || before === "light") root.dataset.theme = before;
  root.classList.add("js");
  button.hidden = false;
  button.onclick = () => { root.dataset.theme = dark() ? "light" : "dark"; kept(root.dataset.theme); say(); };
  say();
})();
