/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "screen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <ftw.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utmp.h>

#include "base/base.h"
#include "draw/grid.h"

static int on_property(VTermProp property, VTermValue *value, void *user)
{
    struct screen *s = user;
    if (property == VTERM_PROP_ALTSCREEN)
        s->alternate = value->boolean;
    else if (property == VTERM_PROP_CURSORVISIBLE)
        s->cursor_hidden = !value->boolean;
    return 1;
}

static const VTermScreenCallbacks screen_callbacks = {.settermprop = on_property};

static void run_program(const struct screen *s, const char *const *arguments, const char *const *environment)
{
    char *argv[32] = {(char *)(uintptr_t)TEST_PROGRAM};
    for (int argc = 1; arguments && arguments[argc - 1] && argc < 31; argc++)
        argv[argc] = (char *)(uintptr_t)arguments[argc - 1];
    setenv("TERM", "xterm-256color", 1);
    setenv("LC_ALL", "C.UTF-8", 1);
    setenv("STAGECUT_DATA", TEST_SOURCE_DIR, 1);
    setenv("HOME", s->dir, 1);
    setenv("XDG_STATE_HOME", s->dir, 1);
    unsetenv("NO_COLOR");
    unsetenv("ESCDELAY");
    unsetenv("COLUMNS");
    unsetenv("LINES");
    for (; environment && *environment; environment++)
        putenv((char *)(uintptr_t)*environment);
    if (chdir(s->dir) == 0)
        execv(TEST_PROGRAM, argv);
    _exit(127);
}

/* What a shell is to a program: the leader of its session, which keeps job control possible and tells how its job
 * fares. It stays until the pipe is closed. */
static void run_leader(const struct screen *s, int slave, int report, const char *const *arguments,
                       const char *const *environment)
{
    struct {
        pid_t child;
        int status;
    } note = {0};
    login_tty(slave);
    signal(SIGHUP, SIG_IGN);
    signal(SIGTTOU, SIG_IGN);
    note.child = fork();
    if (note.child == 0) {
        setpgid(0, 0);
        tcsetpgrp(STDIN_FILENO, getpid());
        signal(SIGHUP, SIG_DFL);
        signal(SIGTTOU, SIG_DFL);
        run_program(s, arguments, environment);
    }
    ssize_t put = write(report, &note, sizeof note);
    while (put > 0 && waitpid(note.child, &note.status, WUNTRACED) == note.child)
        put = write(report, &note, sizeof note);
    pause();
}

/* The next thing that the leader says of its job. */
static bool take_report(struct screen *s, double seconds, int *status)
{
    struct {
        pid_t child;
        int status;
    } note;
    struct pollfd fd = {.fd = s->report, .events = POLLIN};
    if (poll(&fd, 1, (int)(seconds * 1000)) <= 0 || read(s->report, &note, sizeof note) != sizeof note)
        return false;
    s->child = note.child;
    *status = note.status;
    return true;
}

void screen_open(struct screen *s, int width, int height, const char *const *arguments, const char *const *environment)
{
    struct winsize size = {.ws_row = (unsigned short)height, .ws_col = (unsigned short)width};
    int slave, report[2];
    *s = (struct screen){.master = -1, .report = -1};
    snprintf(s->dir, sizeof s->dir, "/tmp/stagecut-pty-XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    s->vterm = vterm_new(height, width);
    vterm_set_utf8(s->vterm, 1);
    s->cells = vterm_obtain_screen(s->vterm);
    vterm_screen_set_callbacks(s->cells, &screen_callbacks, s);
    vterm_screen_enable_altscreen(s->cells, 1);
    vterm_screen_reset(s->cells, 1);
    assert_int_equal(openpty(&s->master, &slave, NULL, NULL, &size), 0);
    assert_int_equal(tcgetattr(slave, &s->before), 0);
    assert_int_equal(pipe(report), 0);
    s->leader = fork();
    assert_true(s->leader >= 0);
    if (s->leader == 0) {
        close(s->master);
        close(report[0]);
        run_leader(s, slave, report[1], arguments, environment);
        _exit(0);
    }
    close(slave);
    close(report[1]);
    s->report = report[0];
    int status;
    assert_true(take_report(s, 10, &status));
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st;
    (void)kind;
    (void)ftw;
    return remove(path);
}

void screen_close(struct screen *s)
{
    if (s->child > 0 && !s->ended)
        kill(s->child, SIGKILL);
    if (s->leader > 0) {
        kill(s->leader, SIGKILL);
        waitpid(s->leader, NULL, 0);
    }
    if (s->report >= 0)
        close(s->report);
    if (s->master >= 0)
        close(s->master);
    if (s->vterm)
        vterm_free(s->vterm);
    sc_str_free(&s->raw);
    nftw(s->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* What libvterm does not tell: the clipboard (OSC 52), and the mouse when several modes are set at once. */
static void read_raw(struct screen *s, const char *bytes, size_t length)
{
    sc_str_addn(&s->raw, bytes, length);
    const char *text = sc_str_text(&s->raw), *osc = strstr(text, "\033]52;"), *end = osc ? strchr(osc, '\a') : NULL;
    if (end)
        snprintf(s->osc, sizeof s->osc, "%.*s", (int)(end - osc - 2), osc + 2);
    s->mouse = false;
    for (const char *at = text; (at = strstr(at, "1000")); at += 4)
        s->mouse = at[4] == 'h' || (s->mouse && at[4] != 'l');
}

/* One read; false when nothing came within `seconds`, or nothing will. */
static bool read_some(struct screen *s, double seconds)
{
    char bytes[8192], reply[256];
    struct pollfd fd = {.fd = s->master, .events = POLLIN};
    if (poll(&fd, 1, (int)(seconds * 1000)) <= 0 || !(fd.revents & POLLIN))
        return false;
    ssize_t count = read(s->master, bytes, sizeof bytes);
    if (count <= 0)
        return false;
    for (ssize_t i = 0; i < count; i++)
        s->beyond_ascii |= (unsigned char)bytes[i] >= 0x80;
    read_raw(s, bytes, (size_t)count);
    vterm_input_write(s->vterm, bytes, (size_t)count);
    vterm_screen_flush_damage(s->cells);
    for (size_t n; (n = vterm_output_read(s->vterm, reply, sizeof reply)) > 0;)
        if (write(s->master, reply, n) < 0)
            break;
    return true;
}

static void row_text(struct screen *s, int y, int width, struct sc_str *out)
{
    sc_str_clear(out);
    for (int x = 0; x < width; x++) {
        VTermScreenCell cell;
        char utf8[5];
        vterm_screen_get_cell(s->cells, (VTermPos){y, x}, &cell);
        if (cell.chars[0] != (uint32_t)-1)
            sc_str_addn(out, utf8, (size_t)tui_utf8_put(cell.chars[0] ? cell.chars[0] : ' ', utf8));
    }
}

bool screen_has(struct screen *s, const char *text)
{
    struct sc_str row = {0};
    int width, height;
    bool found = false;
    vterm_get_size(s->vterm, &height, &width);
    for (int y = 0; !found && y < height; y++) {
        row_text(s, y, width, &row);
        found = strstr(sc_str_text(&row), text) != NULL;
    }
    sc_str_free(&row);
    return found;
}

void screen_print(struct screen *s)
{
    struct sc_str row = {0};
    int width, height;
    vterm_get_size(s->vterm, &height, &width);
    for (int y = 0; y < height; y++) {
        row_text(s, y, width, &row);
        fprintf(stderr, "|%s|\n", sc_str_text(&row));
    }
    sc_str_free(&row);
}

static bool wait_until(struct screen *s, const char *text, bool there, double seconds)
{
    double end = sc_now() + seconds;
    while (screen_has(s, text) != there) {
        double left = end - sc_now();
        if (left <= 0)
            return false;
        read_some(s, left < 0.02 ? left : 0.02);
    }
    return true;
}

bool screen_wait(struct screen *s, const char *text, double seconds)
{
    return wait_until(s, text, true, seconds);
}

bool screen_wait_gone(struct screen *s, const char *text, double seconds)
{
    return wait_until(s, text, false, seconds);
}

void screen_read(struct screen *s, double seconds)
{
    double end = sc_now() + seconds;
    for (double left; (left = end - sc_now()) > 0;)
        read_some(s, left < 0.02 ? left : 0.02);
}

void screen_type(struct screen *s, const char *keys)
{
    for (size_t length = strlen(keys); length;) {
        struct pollfd fd = {.fd = s->master, .events = POLLOUT | POLLIN};
        if (poll(&fd, 1, 5000) <= 0)
            return;
        if (fd.revents & POLLIN)
            read_some(s, 0);
        if (!(fd.revents & POLLOUT))
            continue;
        ssize_t count = write(s->master, keys, length < 512 ? length : 512);
        if (count <= 0)
            return;
        keys += count;
        length -= (size_t)count;
    }
}

void screen_resize(struct screen *s, int width, int height)
{
    struct winsize size = {.ws_row = (unsigned short)height, .ws_col = (unsigned short)width};
    vterm_set_size(s->vterm, height, width);
    assert_int_equal(ioctl(s->master, TIOCSWINSZ, &size), 0);
}

int screen_end(struct screen *s, double seconds)
{
    double end = sc_now() + seconds;
    int status;
    while (sc_now() < end) {
        if (s->master >= 0)
            read_some(s, 0.005);
        if (take_report(s, s->master >= 0 ? 0 : 0.005, &status) && !WIFSTOPPED(status)) {
            s->ended = true;
            while (s->master >= 0 && read_some(s, 0.02))
                ;
            return status;
        }
    }
    return -1;
}

bool screen_stopped(struct screen *s, double seconds)
{
    double end = sc_now() + seconds;
    int status;
    while (sc_now() < end) {
        read_some(s, 0.005);
        if (take_report(s, 0, &status))
            return WIFSTOPPED(status);
    }
    return false;
}

bool screen_restored(struct screen *s)
{
    struct termios now;
    if (tcgetattr(s->master, &now) != 0)
        return false;
    return !s->alternate && !s->cursor_hidden && !s->mouse && now.c_lflag == s->before.c_lflag &&
           now.c_iflag == s->before.c_iflag && now.c_oflag == s->before.c_oflag;
}
