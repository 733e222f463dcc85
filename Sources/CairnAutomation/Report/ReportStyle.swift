/// The style of the page; everything it needs is in it.
enum ReportStyle {
  static let css = """
    :root { color-scheme: light dark; --bg: #f6f7f8; --panel: #ffffff; --ink: #1c2329; --soft: #566069; --line: #dde2e6;
      --grid: #e8ebee; --empty: #eaedf0; --full: #1f4e9c; --diff: #c4680c; --incr: #5ba7b8; --sign: #ffffff; --logical: #6a747d;
      --area: #c4680c26; --good: #1b7a58; --warn: #9a5800; --bad: #b3261e; --bar: #7d9ccf; }
    @media (prefers-color-scheme: dark) { :root { --bg: #12161a; --panel: #1a2026; --ink: #e5eaee; --soft: #a2adb6; --line: #303941;
      --grid: #29313a; --empty: #262e35; --full: #7fb0ff; --diff: #eda04f; --incr: #34798a; --sign: #12161a; --logical: #9aa6b0;
      --area: #eda04f26; --good: #57c795; --warn: #eda04f; --bad: #ff8278; --bar: #4b6ba3; } }
    * { box-sizing: border-box; }
    body { margin: 0; background: var(--bg); color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto,
      "Noto Sans", sans-serif; overflow-wrap: anywhere; }
    main, header, footer { max-width: 60rem; margin: 0 auto; padding: 0 1rem; }
    header { padding-top: 2rem; }
    h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .25rem; font-weight: 650; }
    h2 { font-size: 1.1rem; margin: 0 0 .25rem; font-weight: 650; }
    h3 { font-size: .95rem; margin: 1rem 0 .25rem; font-weight: 650; }
    p { margin: 0 0 .75rem; } .soft, header p, footer { color: var(--soft); }
    section { background: var(--panel); border: 1px solid var(--line); border-radius: .5rem; padding: 1.1rem 1.25rem; margin: 1rem 0; }
    section > p { color: var(--soft); max-width: 46rem; }
    .name { unicode-bidi: isolate; }
    dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(12.5rem, 1fr)); gap: .75rem; margin: 1.25rem 0 0; }
    dl div { background: var(--panel); border: 1px solid var(--line); border-radius: .5rem; padding: .7rem .9rem; }
    dt { color: var(--soft); font-size: .82rem; } dd { margin: 0; font-size: 1.25rem; font-weight: 600; line-height: 1.3; }
    dd small { display: block; font-size: .8rem; font-weight: 400; color: var(--soft); }
    .chart { display: block; width: 100%; height: auto; } .chart.narrow { display: none; }
    .chart text { font-size: 11px; fill: var(--soft); font-family: inherit; }
    .grid { stroke: var(--grid); fill: none; } .tick, .base { stroke: var(--line); fill: none; }
    .line { fill: none; stroke-width: 2; stroke-linejoin: round; }
    .line.stored { stroke: var(--diff); } .line.unique { stroke: var(--full); }
    .line.logical { stroke: var(--logical); stroke-dasharray: 5 4; } .stored-area { fill: var(--area); }
    .chart .label { font-weight: 600; } .chart .stored-text { fill: var(--diff); } .chart .unique-text { fill: var(--full); }
    .chart .logical-text { fill: var(--logical); }
    .full { fill: var(--full); } .differential { fill: var(--diff); } .incremental { fill: var(--incr); } .empty { fill: var(--empty); }
    .sign { fill: var(--sign); } .sign-line { stroke: var(--sign); stroke-width: 1.8; fill: none; }
    ul.legend { list-style: none; display: flex; flex-wrap: wrap; gap: .25rem 1.1rem; padding: 0; margin: .5rem 0 0;
      font-size: .85rem; color: var(--soft); }
    .swatch { width: 13px; height: 13px; vertical-align: -2px; margin-right: .35rem; } .swatch.wide-swatch { width: 24px; }
    .scroll { overflow-x: auto; } .scroll table { min-width: 44rem; } .scroll td, .scroll th { overflow-wrap: break-word; }
    table { border-collapse: collapse; width: 100%; font-size: .87rem; font-variant-numeric: tabular-nums; }
    th { text-align: left; font-weight: 600; color: var(--soft); border-bottom: 1px solid var(--line); }
    th, td { padding: .3rem .8rem .3rem 0; vertical-align: top; } td { border-bottom: 1px solid var(--grid); }
    tr:last-child td { border-bottom: 0; } th.n, td.n { text-align: right; white-space: nowrap; } td.t { white-space: nowrap; }
    code { font: .92em ui-monospace, "SF Mono", "DejaVu Sans Mono", monospace; }
    .places { table-layout: fixed; } .places th.n { width: 6rem; } .places .bars { width: 26%; }
    .bar { display: block; height: .7rem; margin-top: .35rem; background: var(--bar); border-radius: 2px; min-width: 2px; }
    .good { color: var(--good); } .warn { color: var(--warn); } .bad { color: var(--bad); } .good, .warn, .bad { font-weight: 600; }
    .marks { display: flex; flex-wrap: wrap; gap: 3px; margin: .25rem 0 .75rem; padding: 0; list-style: none; }
    .marks li { width: 1.35rem; height: 1.35rem; line-height: 1.35rem; text-align: center; border-radius: 3px; font-size: .8rem;
      background: var(--empty); }
    .hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
    footer { padding-bottom: 2rem; font-size: .85rem; }
    @media (max-width: 40rem) { body { font-size: 14px; } section { padding: .9rem .8rem; } .chart.wide { display: none; }
      .chart.narrow { display: block; } dl { grid-template-columns: 1fr 1fr; } .places .bars { display: none; } }
    @media print { :root { color-scheme: light; --bg: #fff; --panel: #fff; --ink: #000; --soft: #444; --line: #ccc; --grid: #e4e4e4;
      --empty: #eee; --full: #1f4e9c; --diff: #c4680c; --incr: #5ba7b8; --sign: #fff; --logical: #555; --area: #c4680c26;
      --good: #1b7a58; --warn: #9a5800; --bad: #b3261e; --bar: #7d9ccf; }
      * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
      body { font-size: 10pt; } section { border: 0; padding: 0; margin: 1.2rem 0; } figure, tr, dl div { break-inside: avoid; }
      h2 { break-after: avoid; } .scroll { overflow: visible; } .scroll table { min-width: 0; } }
    figure { margin: .5rem 0 0; }
    """
}
