#!/usr/bin/python3
"""web.py ATOLL GUESTS TEST: one test of `--display web` in a real browser (Debian's chromium, without
a window), by name, as boot.py. What is typed in the page goes through the guest's driver to its
shell, and what that writes is seen on the page's canvas. Debian's own Python runs it, since that
has python3-selenium."""

import base64
import contextlib
import functools
import os
import re
import signal
import struct
import sys
import time
import zlib

import boot
from guest import PATIENCE, Failure, Guest

try:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.remote.remote_connection import RemoteConnection
    from selenium.webdriver.support.ui import Select
    from urllib3.exceptions import HTTPError as Hung
except ImportError:
    webdriver = None

CHROMIUM, DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"
WIDTH, HEIGHT = 1280, 800
BROWSER_PATIENCE = 60  # seconds for one command
ATTEMPTS = 3
ASCII = "".join(map(chr, range(33, 127))).replace("'", "")
# The colours of Linux's console, by their number in an escape sequence.
RED, GREEN, BLUE = (170, 0, 0), (0, 170, 0), (0, 0, 170)


class Page:
    """The machine's page in a browser of its own."""

    def __init__(self, address):
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for argument in ("headless=new", f"window-size={WIDTH},{HEIGHT}", "disable-gpu",
                         "disable-dev-shm-usage", "force-device-scale-factor=1"):
            options.add_argument(f"--{argument}")
        if os.geteuid() == 0:  # chromium's own sandbox does not work for root
            options.add_argument("--no-sandbox")
        RemoteConnection.set_timeout(BROWSER_PATIENCE)
        self.driver = webdriver.Chrome(service=Service(DRIVER), options=options)
        self.driver.set_script_timeout(PATIENCE)
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False})
        self.address = address
        self.driver.get(address)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind and issubclass(kind, Hung):
            os.kill(self.driver.capabilities["goog:processID"], signal.SIGKILL)
            self.driver.service.process.kill()
        else:
            self.driver.quit()

    def until(self, condition, what):
        """Wait until condition() is true."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > deadline:
                raise Failure(f"{what} did not happen")
            time.sleep(0.1)

    def connected(self):
        self.until(lambda: self.element("state").text == "connected", "a connection")

    def element(self, name):
        return self.driver.find_element(By.ID, name)

    def type(self, text):
        """Press keys, as a keyboard does."""
        ActionChains(self.driver).send_keys(text).perform()

    def pixel(self, x, y):
        return tuple(self.driver.execute_script(
            "return [...document.getElementById('screen').getContext('2d')"
            ".getImageData(arguments[0], arguments[1], 1, 1).data.slice(0, 3)]", x, y))

    def sees(self, colours):
        """Wait until the first cells of the screen, two for each, have these colours."""
        places = [(8 + 16 * i, 8) for i in range(len(colours))]
        deadline = time.monotonic() + PATIENCE
        while (seen := [self.pixel(*place) for place in places]) != colours:
            if time.monotonic() > deadline:
                raise Failure(f"the screen's first colours are {seen}, not {colours}")
            time.sleep(0.1)


def picture_size(data):
    """A PNG's (width, height); all of its parts have to be whole."""
    at, size, kind = 8, None, b""
    while kind != b"IEND":
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + length]
        boot.expect_equal(data[at + 8 + length:at + 12 + length],
                          struct.pack(">I", zlib.crc32(kind + body)), f"the checksum of {kind}")
        if kind == b"IHDR":
            size = struct.unpack(">II", body[:8])
        at += 12 + length
    return size


@contextlib.contextmanager
def machine(bench, *arguments, port=None, kind="virtio"):
    """A guest with a shell on its screen; gives it and the page's address."""
    port = port or boot.free_port()
    with bench.linux("--display", f"web:{port}" + ("," + arguments[0] if arguments else ""),
                     "--input", kind, kernel="generic",
                     append="console=ttyAMA0 console=tty0 root=/dev/vda") as guest:
        guest.expect(r"display: web on (http://\S+)")
        guest.expect(r"the guest draws on its display now")
        yield guest, f"http://127.0.0.1:{port}/"


def shell(guest, page):
    """Type until the shell on the screen answers, on the serial line."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        page.type("echo typed-$((6 * 7)) >/dev/ttyAMA0" + Keys.ENTER)
        with contextlib.suppress(Failure):
            guest.expect(r"typed-42", patience=10)
            return
    raise Failure("the shell on the screen did not answer")


def paint(page, *numbers):
    """Have the shell compute colours and show them in the first cells."""
    page.type("printf '\\033[H\\033[2J'; for i in " + " ".join(str(n - 1) for n in numbers) +
              "; do printf \"\\033[4$((i + 1))m  \"; done; printf '\\033[m\\n'" + Keys.ENTER)


def end_of_file(page):
    ActionChains(page.driver).key_down(Keys.CONTROL).send_keys("d").key_up(Keys.CONTROL).perform()


def keyboard(bench, kind):
    with machine(bench, kind=kind) as (guest, address), Page(address) as page:
        page.connected()
        boot.expect_equal(page.element("size").text, f"{WIDTH} × {HEIGHT}", "the size")
        shell(guest, page)
        page.type(f"echo '{ASCII}' >/dev/ttyAMA0{Keys.ENTER}")
        guest.expect(re.escape(ASCII) + r"\r")
        paint(page, 1, 2, 4)
        page.sees([RED, GREEN, BLUE])
        boot.expect_equal(picture_size(page.driver.get_screenshot_as_png()), (WIDTH, HEIGHT),
                          "the picture of the browser")
        picture = page.driver.execute_script(
            "return document.getElementById('screen').toDataURL('image/png')")
        boot.expect_equal(picture_size(base64.b64decode(picture.split(",")[1])), (WIDTH, HEIGHT),
                          "the picture of the screen")
        boot.expect_equal([entry for entry in page.driver.get_log("browser")
                           if entry["level"] == "SEVERE"], [], "complaints of the browser")


def virtio(bench):
    """A command typed in the page runs in the guest, and its result is on the page's screen."""
    keyboard(bench, "virtio")


def usb(bench):
    """The same with Apple's keyboard on USB."""
    keyboard(bench, "usb")


def reload(bench):
    """The page connects again when it is reloaded, and by itself when the machine is a new one."""
    port = boot.free_port()
    with contextlib.ExitStack() as stack:
        with machine(bench, port=port) as (guest, address):
            page = stack.enter_context(Page(address))
            page.connected()
            shell(guest, page)
            paint(page, 1, 2, 4)
            page.sees([RED, GREEN, BLUE])
            page.driver.refresh()
            page.connected()
            page.sees([RED, GREEN, BLUE])
            paint(page, 2, 1)
            page.sees([GREEN, RED])
        page.until(lambda: page.element("state").text != "connected", "the end of the connection")
        with machine(bench, port=port) as (guest, _):
            page.connected()
            shell(guest, page)


def two(bench):
    """Two browsers see the same, and what is typed in one is seen in both."""
    with machine(bench) as (guest, address), Page(address) as one, Page(address) as other:
        one.connected()
        other.connected()
        shell(guest, one)
        for typist, numbers, colours in ((one, (1, 2, 4), [RED, GREEN, BLUE]),
                                         (other, (4, 1, 2), [BLUE, RED, GREEN])):
            paint(typist, *numbers)
            one.sees(colours)
            other.sees(colours)


def bar(bench):
    """Pasted text is typed, keys that a browser would keep are in a menu, the screen scales."""
    with machine(bench) as (guest, address), Page(address) as page:
        page.connected()
        shell(guest, page)
        page.driver.execute_cdp_cmd("Browser.grantPermissions", {
            "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]})
        page.type("cat >/dev/ttyAMA0" + Keys.ENTER)
        page.driver.execute_script("return navigator.clipboard.writeText(arguments[0])",
                                   "pasted {text}\nin two lines\n" * 50)
        page.element("paste").click()
        for _ in range(50):
            guest.expect(r"pasted \{text\}\r\nin two lines\r\n")
        end_of_file(page)
        shell(guest, page)

        page.driver.execute_script("keyboard.paste('x'.repeat(65537))")
        boot.expect_equal(page.element("state").text,
                          "too long to be typed: at most 64 KiB can be pasted", "what the page says")
        page.connected()

        # A console exists since somebody opened it.
        page.type("printf '\\033[42m  \\033[0m' >/dev/tty2" + Keys.ENTER)
        paint(page, 1)
        page.sees([RED])
        for choice, colour in (("Ctrl-Alt-F2", GREEN), ("Ctrl-Alt-F1", RED)):
            Select(page.element("keys")).select_by_visible_text(choice)
            page.sees([colour])

        page.type("cat >/dev/ttyAMA0" + Keys.ENTER + "wrong")
        Select(page.element("keys")).select_by_visible_text("Ctrl-W")  # pressed, it closes a tab
        page.type("right" + Keys.ENTER)
        boot.expect_equal(guest.expect(rb"(\w*)right\r").group(1), b"", "what Ctrl-W erased")
        end_of_file(page)
        shell(guest, page)

        widths = {}
        for kind in ("fit", "css", "device"):
            Select(page.element("scale")).select_by_value(kind)
            widths[kind] = page.element("screen").size["width"]
        boot.expect_equal((widths["css"], widths["device"]), (WIDTH, WIDTH), "the canvas 1:1")
        if not WIDTH * 0.9 < widths["fit"] < WIDTH:
            raise Failure(f"a canvas that fits is {widths['fit']} pixels wide")


def pointer(bench):
    """A click in the page, scaled as it is, is a click at the same place of the guest's screen."""
    with machine(bench) as (guest, address), Page(address) as page:
        page.connected()
        shell(guest, page)
        # Events are 24 bytes: after 16 with the time their type, code and value.
        page.type("d=$(grep -l pointer /sys/class/input/event*/device/name | cut -d/ -f5);"
                  "hexdump -v -e '12/2 \"%u \" \"\\n\"' /dev/input/$d >/dev/ttyAMA0 & sleep 1;"
                  "echo ready-$((6 * 7)) >/dev/ttyAMA0" + Keys.ENTER)
        guest.expect("ready-42")
        canvas = page.element("screen")
        ActionChains(page.driver).move_to_element_with_offset(
            canvas, canvas.size["width"] // 4, -canvas.size["height"] // 4).click().perform()
        for code, expected in ((0, 32767 * 3 // 4), (1, 32767 // 4)):
            value = int(guest.expect(rf" 3 {code} (\d+) 0\b").group(1))
            if abs(value - expected) > 100:
                raise Failure(f"the pointer's axis {code} is at {value}, not {expected}")
        guest.expect(r" 1 272 1 0")
        guest.expect(r" 1 272 0 0")


def password(bench):
    """Who does not know the password sees nothing; who does is asked once."""
    path = bench.scratch("password")
    with open(path, "w", encoding="ascii") as file:
        file.write("Sesam!8\n")
    with machine(bench, f"password={path}") as (guest, address), Page(address) as page:
        for attempt in ("sesam", "Sesam!8"):
            page.until(lambda: page.element("ask").is_displayed(), "the question")
            boot.expect_equal(page.element("size").text, "", "the size")
            page.element("password").send_keys(attempt + Keys.ENTER)
            page.until(lambda: not page.element("ask").is_displayed(), "the answer")
        page.connected()
        shell(guest, page)
        page.driver.refresh()
        page.connected()


def patiently(test):
    """The test, with a new browser and machine where chromium has lost a key it was to press: it does
    so now and then on a busy host, and its driver then waits for ever, while the page lives on."""
    @functools.wraps(test)
    def run(bench):
        for _ in range(ATTEMPTS):
            try:
                return test(bench)
            except Hung as what:
                print(f"the browser hangs: {what}")
        raise Failure(f"the browser hung {ATTEMPTS} times")
    return run


TESTS = {test.__name__: patiently(test)
         for test in (virtio, usb, reload, two, bar, pointer, password)}


if __name__ == "__main__":
    if webdriver is None or not os.path.exists(CHROMIUM) or not os.path.exists(DRIVER):
        print("skipped: this needs chromium, chromium-driver and python3-selenium")
        sys.exit(boot.SKIPPED)
    sys.exit(boot.main(TESTS))
