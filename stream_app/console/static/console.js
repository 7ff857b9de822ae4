// The little that is not htmx's, idiomorph's or ECharts' own: hand options to charts, follow the colour scheme, say when the console is away.
"use strict";
(() => {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const drawn = new Map();

  // What ECharts has drawn into a chart is not in the page that comes next; its options are, and they are drawn when they differ.
  Idiomorph.defaults.callbacks.beforeNodeMorphed = (there) => !there.classList?.contains("chart");

  function draw() {
    for (const given of document.querySelectorAll(".chart-options")) {
      const element = document.getElementById(given.dataset.chart);
      if (!element || element.dataset.seen === given.dataset.options) continue;
      let chart = echarts.getInstanceByDom(element);
      if (!chart) {
        chart = echarts.init(element, dark.matches ? "dark" : null);
        chart.on("click", ({ data }) => data?.href?.startsWith("/") && location.assign(data.href));
        drawn.set(element.id, chart);
      }
      element.dataset.seen = given.dataset.options;
      chart.setOption({ backgroundColor: "transparent", ...JSON.parse(given.dataset.options) }, true);
    }
  }

  function redraw() {
    for (const chart of drawn.values()) {
      delete chart.getDom().dataset.seen;
      chart.dispose();
    }
    drawn.clear();
    draw();
  }

  document.addEventListener("DOMContentLoaded", draw);
  document.addEventListener("htmx:afterSettle", draw);
  document.addEventListener("htmx:sendError", () => document.body.classList.add("away"));
  document.addEventListener("htmx:afterOnLoad", () => document.body.classList.remove("away"));
  dark.addEventListener("change", redraw);
  window.addEventListener("resize", () => drawn.forEach((chart) => chart.resize()));
})();
