// Before the first paint, so that a dark page never flashes white. A file of its own: inline scripts are forbidden.
(function () {
  var kept = null;
  try {
    kept = localStorage.getItem("assay-colour-scheme");
  } catch (e) {
    /* storage may be off */
  }
  var dark = kept === "dark" || (kept !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.setAttribute("data-mantine-color-scheme", dark ? "dark" : "light");
})();
