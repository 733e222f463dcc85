#!/bin/sh
# Looks at a report in a browser: wide and narrow, light and dark. Says what it skips when there is no Chromium.
# Usage: Tests/Report/screenshot.sh [PROGRAM [DIRECTORY]]; the pictures stay in DIRECTORY if one is given.
set -eu
cd "$(dirname "$0")/../.."
cairn=${1:-.build/release/cairn}
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
if [ -z "$browser" ] || ! command -v python3 >/dev/null; then
  echo "report: not looked at in a browser: Chromium or python3 is missing"
  exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
pictures=${2:-$work/pictures}
mkdir -p "$pictures" "$work/source/photos" "$work/source/<b>bold"
export HOME="$work" CAIRN_REPOSITORY="$work/repository" CAIRN_PASSWORD=report TZ=UTC

"$cairn" init --quiet --kdf-memory 8M >/dev/null 2>&1 || "$cairn" init --quiet
for day in 01 02 03 04 05 06 07 08 09 10 11 12; do
  head -c "${day}0000" /dev/urandom >"$work/source/photos/$day"
  echo "$day" >"$work/source/<b>bold/file"
  kind=incremental
  case $day in 01) kind=full ;; 05 | 10) kind=differential ;; esac
  "$cairn" backup --quiet --kind "$kind" --time "2026-03-$day 02:00:00" "$work/source"
done
"$cairn" prove --quiet --scratch "$work" >/dev/null
"$cairn" report --quiet --html "$work/report.html"

shoot() { # NAME WIDTH [OPTION]
  "$browser" --headless --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir="$work/browser" ${3:-} \
    --screenshot="$pictures/$1.png" --window-size="$2,1600" "file://$work/report.html" >/dev/null 2>&1
}
shoot light 1200
shoot dark 1200 --blink-settings=preferredColorScheme=0
shoot narrow 400

# How far a page is wider than its window, for which a script is let into a copy.
overflow() { # WIDTH
  script='let page = document.documentElement; page.setAttribute("data-over", page.scrollWidth - page.clientWidth)'
  sed -e '/Content-Security-Policy/d' -e "s|</body>|<script>$script</script></body>|" "$work/report.html" >"$work/measured.html"
  "$browser" --headless --no-sandbox --disable-gpu --user-data-dir="$work/browser" --window-size="$1,1600" --dump-dom \
    "file://$work/measured.html" 2>/dev/null | grep -o 'data-over="[-0-9]*"' | head -1
}
for width in 1200 700 400; do
  [ "$(overflow $width)" = 'data-over="0"' ] || { echo "report: wider than a window of $width points: $(overflow $width)"; exit 1; }
done

python3 - "$pictures" <<'PYTHON'
import struct, sys, zlib

def pixels(path):
    """Width, height and the colours of every fourth point of an 8-bit PNG."""
    data = open(path, "rb").read()
    assert data[:8] == b"\x89PNG\r\n\x1a\n", path
    at, body = 8, b""
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        if kind == b"IHDR": width, height, depth, colour = struct.unpack(">IIBB", data[at + 8:at + 18])
        if kind == b"IDAT": body += data[at + 8:at + 8 + size]
        at += 12 + size
    channels = {2: 3, 6: 4}[colour]
    raw, stride, before, found = zlib.decompress(body), width * channels, bytearray(width * channels), {}
    for row in range(height):
        rule, line = raw[row * (stride + 1)], bytearray(raw[row * (stride + 1) + 1:(row + 1) * (stride + 1)])
        for i in range(stride):
            a = line[i - channels] if i >= channels else 0
            b, c = before[i], before[i - channels] if i >= channels else 0
            if rule == 1: line[i] = line[i] + a & 255
            elif rule == 2: line[i] = line[i] + b & 255
            elif rule == 3: line[i] = line[i] + (a + b) // 2 & 255
            elif rule == 4:
                p = a + b - c
                d = (abs(p - a), abs(p - b), abs(p - c))
                line[i] = line[i] + (a if d[0] <= d[1] and d[0] <= d[2] else b if d[1] <= d[2] else c) & 255
        before = line
        for x in range(0, stride, 4 * channels): found[bytes(line[x:x + 3])] = found.get(bytes(line[x:x + 3]), 0) + 1
    return width, height, found

wanted = {"light": (1200, "f6f7f8", ["1f4e9c", "c4680c", "5ba7b8"]), "dark": (1200, "12161a", ["7fb0ff", "eda04f", "34798a"]),
          "narrow": (400, "f6f7f8", ["1f4e9c", "c4680c", "5ba7b8"])}
for name, (width, ground, kinds) in wanted.items():
    real, height, found = pixels(f"{sys.argv[1]}/{name}.png")
    assert (real, height) == (width, 1600), f"{name}: {real} x {height}"
    assert len(found) > 50, f"{name}: only {len(found)} colours"
    missing = [colour for colour in [ground] + kinds if found.get(bytes.fromhex(colour), 0) < 5]
    assert not missing, f"{name}: nothing is drawn in {missing}"
PYTHON
echo "report: looked at in a browser, wide, narrow, light and dark"
