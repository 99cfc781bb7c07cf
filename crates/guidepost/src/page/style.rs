//! How the page looks, by day and by night.

/// The style sheet.
pub(super) const CSS: &str = "\
:root{--ink:#1f2328;--soft:#59636e;--line:#d1d9e0;--paper:#fff;--tint:#f6f8fa;--chart:#f6f8fa;--now:#0969da;--past:#1a7f37;--bad:#cf222e;--warn:#9a6700}
@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9198a1;--line:#30363d;--paper:#0d1117;--tint:#161b22;--chart:#10151c;--now:#58a6ff;--past:#3fb950;--bad:#ff7b72;--warn:#d29922}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,-apple-system,'Segoe UI',sans-serif}
main{max-width:1120px;margin:0 auto;padding:28px 20px 60px}
h1{font-size:26px;margin:0 0 4px}h1 small{font-weight:400;color:var(--soft);font-size:18px;margin-left:6px}
h2{font-size:17px;margin:34px 0 10px;padding-bottom:5px;border-bottom:1px solid var(--line)}
h3{font-size:15px;margin:12px 0 2px}
header p{margin:2px 0;color:var(--soft)}header .goal{color:var(--ink)}
.status{display:inline-block;padding:0 9px;border-radius:10px;border:1px solid;color:var(--now);font-weight:600;font-size:13px}
.completed{color:var(--past)}.failed,.cancelled{color:var(--bad)}.paused{color:var(--warn)}
.told{margin:2px 0 8px;white-space:pre-wrap}.missing{margin:2px 0 8px;color:var(--warn);font-size:13px}
.key{margin:0 0 8px;font-size:13px;color:var(--soft)}
.key span:before{content:'';display:inline-block;width:12px;height:12px;border-radius:3px;border:2px solid;margin-right:5px;vertical-align:-1px}
.key .now:before{border-color:var(--now)}.key .past{margin-left:14px}.key .past:before{border-color:var(--past)}
.chart{overflow:auto;background:var(--chart);border:1px solid var(--line);border-radius:8px;padding:8px;text-align:center}
.chart svg:not(.wide){max-width:100%;height:auto}
table{border-collapse:collapse;width:100%;font-size:14px}
th,td{text-align:left;vertical-align:top;padding:5px 10px 5px 0;border-bottom:1px solid var(--line)}
th[scope=row]{width:1%;white-space:nowrap;padding-right:28px}
thead th{color:var(--soft);font-weight:600;font-size:13px}
code,pre{font:13px/1.45 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;overflow-wrap:anywhere;white-space:pre-wrap}
pre{background:var(--tint);border-radius:6px;padding:8px 10px;margin:6px 0}
time{white-space:nowrap;color:var(--soft);font-variant-numeric:tabular-nums}
.history td:nth-child(-n+2){color:var(--soft);font-variant-numeric:tabular-nums}
.said{font-style:italic}.fact summary{color:var(--soft)}summary{cursor:pointer;overflow-wrap:anywhere}";
