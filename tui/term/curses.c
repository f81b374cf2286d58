/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The real terminal, by ncurses, which keeps the difference between what is and what shall be.
 */
#include <curses.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <term.h>
#include <unistd.h>

#include "term/private.h"

struct curses_term {
    struct tui_term base;
    SCREEN *screen;
    bool colour;
    attr_t attributes[TUI_ROLE_COUNT];
    short pairs[TUI_ROLE_COUNT];
};

static struct curses_term *curses(const struct tui_term *term)
{
    return (struct curses_term *)(uintptr_t)term;
}

static void apply_theme(struct curses_term *c, const struct tui_theme *theme)
{
    for (int role = 0; role < TUI_ROLE_COUNT; role++) {
        const struct tui_style *style = &theme->style[role];
        int foreground = style->foreground, background = style->background;
        attr_t bright = 0;
        if (COLORS < 16 && foreground >= 8) { /* eight colours: bright is bold, and grey is white, faint */
            bright = foreground == 8 ? A_DIM : A_BOLD;
            foreground = foreground == 8 ? -1 : foreground - 8;
        }
        if (COLORS < 16 && background >= 8)
            background -= 8;
        bool paired = c->colour && theme->colour && (foreground >= 0 || background >= 0);
        c->pairs[role] = paired ? (short)(role + 1) : 0;
        if (paired)
            init_pair((short)(role + 1), (short)foreground, (short)background);
        c->attributes[role] = (c->colour && theme->colour ? bright : 0) | (style->flags & TUI_BOLD ? A_BOLD : 0) |
                              (style->flags & TUI_FAINT ? A_DIM : 0) | (style->flags & TUI_REVERSE ? A_REVERSE : 0) |
                              (style->flags & TUI_UNDERLINE ? A_UNDERLINE : 0);
    }
}

/* A terminfo string without its padding ("$<5>"). */
static void add_string(char *out, size_t size, const char *name)
{
    const char *text = tigetstr(name);
    size_t length = strlen(out);
    if (!text || text == (const char *)-1)
        return;
    while (*text && length + 1 < size) {
        const char *end = text[0] == '$' && text[1] == '<' ? strchr(text, '>') : NULL;
        if (end)
            text = end + 1;
        else
            out[length++] = *text++;
    }
    out[length] = '\0';
}

/* What a signal handler writes: this terminal's own strings for plain keys, plain text, a cursor, the main screen. */
static void remember_way_back(bool mouse)
{
    static const char *const strings[] = {"rmkx", "op", "sgr0", "cnorm", "rmcup"};
    char bytes[256] = "";
    if (mouse)
        snprintf(bytes, sizeof bytes, "\033[?1006l\033[?1002l\033[?1000l");
    for (size_t i = 0; i < SC_LEN(strings); i++)
        add_string(bytes, sizeof bytes, strings[i]);
    snprintf(bytes + strlen(bytes), sizeof bytes - strlen(bytes), "\r\n");
    tui_restore_set(bytes);
}

static void curses_close(struct tui_term *term)
{
    endwin();
    delscreen(curses(term)->screen);
    tui_restore_disarm();
    sc_free(term);
}

static void curses_size(struct tui_term *term, int *width, int *height)
{
    (void)term;
    getmaxyx(stdscr, *height, *width);
}

static void curses_show(struct tui_term *term, const struct tui_grid *grid)
{
    struct curses_term *c = curses(term);
    int width, height;
    getmaxyx(stdscr, height, width);
    for (int y = 0; y < grid->height && y < height; y++)
        for (int x = 0; x < grid->width && x < width; x++) {
            const struct tui_cell *cell = &grid->cells[y * grid->width + x];
            cchar_t character;
            wchar_t text[2] = {(wchar_t)cell->code, 0};
            if (!cell->code)
                continue;
            setcchar(&character, text, c->attributes[cell->role], c->pairs[cell->role], NULL);
            mvadd_wch(y, x, &character);
        }
    bool shown = grid->cursor_x >= 0 && grid->cursor_x < width && grid->cursor_y >= 0 && grid->cursor_y < height;
    curs_set(shown ? 1 : 0);
    if (shown)
        move(grid->cursor_y, grid->cursor_x);
    refresh();
}

static int curses_fd(const struct tui_term *term)
{
    (void)term;
    return STDIN_FILENO;
}

static int take_mouse(struct tui_term *term)
{
    MEVENT event;
    if (getmouse(&event) != OK)
        return TUI_KEY_OTHER;
    int wheel = event.bstate & BUTTON4_PRESSED ? -3 : event.bstate & BUTTON5_PRESSED ? 3 : 0;
    if (!wheel && !(event.bstate & BUTTON1_PRESSED))
        return TUI_KEY_OTHER;
    term->mouse = (struct tui_mouse){event.x, event.y, wheel};
    return TUI_KEY_MOUSE;
}

static int curses_key(struct tui_term *term)
{
    static const struct {
        wint_t code;
        int key;
    } table[] = {
        {KEY_UP, TUI_KEY_UP},
        {KEY_DOWN, TUI_KEY_DOWN},
        {KEY_LEFT, TUI_KEY_LEFT},
        {KEY_RIGHT, TUI_KEY_RIGHT},
        {KEY_HOME, TUI_KEY_HOME},
        {KEY_END, TUI_KEY_END},
        {KEY_PPAGE, TUI_KEY_PAGE_UP},
        {KEY_NPAGE, TUI_KEY_PAGE_DOWN},
        {KEY_BTAB, TUI_KEY_BACK_TAB},
        {KEY_DC, TUI_KEY_DELETE},
        {KEY_F(1), TUI_KEY_F1},
        {KEY_RESIZE, TUI_KEY_RESIZE},
        {KEY_BACKSPACE, TUI_KEY_BACKSPACE},
        {KEY_ENTER, TUI_KEY_ENTER},
    };
    wint_t code;
    errno = 0;
    int kind = get_wch(&code);
    if (kind == ERR) {
        struct pollfd gone = {.fd = STDIN_FILENO, .events = POLLIN};
        bool ended = poll(&gone, 1, 0) > 0 && (gone.revents & (POLLHUP | POLLERR | POLLNVAL));
        return ended ? TUI_KEY_EOF : TUI_KEY_NONE;
    }
    if (kind == OK)
        return code == '\n' || code == '\r' ? TUI_KEY_ENTER : code == 8 ? TUI_KEY_BACKSPACE : (int)code;
    if (code == KEY_MOUSE)
        return take_mouse(term);
    for (size_t i = 0; i < SC_LEN(table); i++)
        if (table[i].code == code)
            return table[i].key;
    return TUI_KEY_OTHER;
}

static void curses_redraw(struct tui_term *term)
{
    (void)term;
    clearok(stdscr, TRUE);
}

/* A shell may have changed everything meanwhile. */
static void curses_resume(struct tui_term *term, bool resized)
{
    struct winsize size;
    (void)term;
    reset_prog_mode();
    if (resized && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row && size.ws_col)
        resizeterm(size.ws_row, size.ws_col);
    clearok(stdscr, TRUE);
    refresh();
}

/* The whole job stops, as the terminal driver does it: a script or a pipe around the program stops with it. */
static void curses_suspend(struct tui_term *term)
{
    struct sigaction ours, plain = {.sa_handler = SIG_DFL};
    def_prog_mode();
    endwin();
    tui_restore_hold(true);
    sigemptyset(&plain.sa_mask);
    sigaction(SIGTSTP, &plain, &ours);
    kill(0, SIGTSTP);
    sigaction(SIGTSTP, &ours, NULL);
    tui_restore_hold(false);
    curses_resume(term, true);
}

static void curses_mouse(struct tui_term *term, bool on)
{
    (void)term;
    mouseinterval(0); /* a press counts at once */
    mousemask(on ? BUTTON1_PRESSED | BUTTON4_PRESSED | BUTTON5_PRESSED : 0, NULL);
    remember_way_back(on);
}

/* Base64, for OSC 52. */
static void curses_copy(struct tui_term *term, const char *text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t length = strlen(text);
    (void)term;
    fputs("\033]52;c;", stdout);
    for (size_t i = 0; i < length; i += 3) {
        uint32_t bits = 0;
        for (size_t k = 0; k < 3; k++)
            bits = bits << 8 | (i + k < length ? (unsigned char)text[i + k] : 0);
        for (size_t k = 0; k < 4; k++)
            putchar(i + k <= length ? digits[bits >> (18 - 6 * k) & 63] : '=');
    }
    fputs("\a", stdout);
    fflush(stdout);
}

static void curses_theme(struct tui_term *term, const struct tui_theme *theme)
{
    apply_theme(curses(term), theme);
    clearok(stdscr, TRUE);
}

static const struct tui_term_ops curses_ops = {
    .close = curses_close,
    .size = curses_size,
    .show = curses_show,
    .fd = curses_fd,
    .key = curses_key,
    .redraw = curses_redraw,
    .suspend = curses_suspend,
    .resume = curses_resume,
    .copy = curses_copy,
    .mouse = curses_mouse,
    .theme = curses_theme,
};

static bool wants_colour(enum tui_colour colour)
{
    const char *no = getenv("NO_COLOR");
    if (colour != TUI_COLOUR_AUTO)
        return colour == TUI_COLOUR_ALWAYS;
    return !(no && *no);
}

/* Can it place its cursor? Without that (TERM=dumb) there is no screen to draw. */
static enum sc_status check_terminal(const char *name, struct sc_error *err)
{
    int found;
    if (setupterm(name, STDOUT_FILENO, &found) != OK)
        return sc_fail(err, SC_USAGE, "terminal type '%s' is not known here; set TERM, for example TERM=xterm-256color",
                       name);
    const char *place = tigetstr("cup");
    if (!place || place == (const char *)-1)
        return sc_fail(err, SC_USAGE,
                       "terminal type '%s' cannot place its cursor; `stagecut solve MODEL` prints the plan instead",
                       name);
    return SC_OK;
}

static void begin(struct curses_term *c, const struct tui_term_options *options)
{
    if (!getenv("ESCDELAY"))
        set_escdelay(25);
    raw();
    noecho();
    nonl();
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    intrflush(stdscr, FALSE);
    c->colour = wants_colour(options->colour) && has_colors();
    if (c->colour) {
        start_color();
        use_default_colors();
    }
    remember_way_back(false);
    apply_theme(c, !c->colour ? tui_theme_find("mono") : options->theme ? options->theme : tui_theme_at(0));
}

struct tui_term *tui_term_curses(const struct tui_term_options *options, struct sc_error *err)
{
    const char *name = getenv("TERM") && *getenv("TERM") ? getenv("TERM") : "unknown";
    struct curses_term *c = sc_alloc(sizeof *c);
    if (!c) {
        sc_fail(err, SC_NO_MEMORY, "no memory for the terminal");
        return NULL;
    }
    c->base.ops = &curses_ops;
    if (check_terminal(name, err) != SC_OK) {
        sc_free(c);
        return NULL;
    }
    bool armed = tui_restore_arm();
    c->screen = armed ? newterm(name, stdout, stdin) : NULL;
    if (!c->screen) {
        tui_restore_disarm();
        sc_free(c);
        sc_fail(err, SC_USAGE, "cannot use the terminal; `stagecut solve MODEL` prints the plan instead");
        return NULL;
    }
    set_term(c->screen);
    begin(c, options);
    return &c->base;
}
