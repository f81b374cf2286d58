/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * draw: a grid of cells, and what colours mean. Views write here; a terminal shows it, a test compares it. Everything
 * clips in one place (tui_put), so that no size can be too small.
 */
#ifndef TUI_DRAW_GRID_H
#define TUI_DRAW_GRID_H

#include "base/base.h"

/* What a piece of text is, not how it looks: X(id, name). Themes give it colours. */
#define TUI_ROLE_MAP(X)                                                                                                \
    X(PLAIN, "plain")                                                                                                  \
    X(DIM, "dim")                                                                                                      \
    X(HEADER, "header")                                                                                                \
    X(CURSOR, "cursor") X(IDLE_CURSOR, "idle-cursor") X(CHOSEN, "chosen") X(PINNED, "pinned") X(GOOD, "good")          \
        X(WARN, "warn") X(BAD, "bad") X(KEY, "key") X(TITLE, "title") X(LANE, "lane") X(BORDER, "border")              \
            X(COMPUTE, "compute") X(COMM, "comm") X(MEMORY, "memory") X(FORWARD, "forward") X(BACKWARD, "backward")
enum tui_role {
#define X(id, name) TUI_##id,
    TUI_ROLE_MAP(X)
#undef X
        TUI_ROLE_COUNT
};

struct tui_cell {
    uint32_t code; /* Unicode; 0: the second half of a wide character */
    uint8_t role;
};

struct tui_rect {
    int x, y, width, height;
};

struct tui_grid {
    int width, height;
    struct tui_cell *cells; /* row by row */
    bool ascii;             /* everything beyond ASCII is replaced as it is put */
    int cursor_x, cursor_y; /* of the text cursor; -1: hidden */
};
bool tui_grid_resize(struct tui_grid *grid, int width, int height); /* false: out of memory, unchanged */
void tui_grid_clear(struct tui_grid *grid);
void tui_grid_free(struct tui_grid *grid);
struct tui_rect tui_grid_all(const struct tui_grid *grid);

/* One character at (x, y) of the rect; outside it nothing happens. Returns the columns it takes. */
int tui_put(struct tui_grid *grid, struct tui_rect rect, int x, int y, uint32_t code, enum tui_role role);
/* UTF-8 text from (x, y) on; what does not fit is cut and marked by an ellipsis. Returns the column behind it. */
int tui_text(struct tui_grid *grid, struct tui_rect rect, int x, int y, enum tui_role role, const char *text);
int tui_textf(struct tui_grid *grid, struct tui_rect rect, int x, int y, enum tui_role role, const char *format, ...)
    __attribute__((format(printf, 6, 7)));
/* Right-aligned in `width` columns from x; returns x + width. */
int tui_right(struct tui_grid *grid, struct tui_rect rect, int x, int y, int width, enum tui_role role,
              const char *text);
/* Text wrapped at spaces from the top of rect on; lines after the first hang by its indent and two more. Returns the
 * rows it takes, also of those that `skip` leaves out above and that do not fit below; grid NULL only counts. */
int tui_paragraph(struct tui_grid *grid, struct tui_rect rect, int skip, enum tui_role role, const char *text,
                  size_t length);
/* A bar of `width` columns from x, filled by `fraction` (0 … 1) to an eighth of a column. */
void tui_bar(struct tui_grid *grid, struct tui_rect rect, int x, int y, int width, double fraction, enum tui_role role);
void tui_fill(struct tui_grid *grid, struct tui_rect rect, int y, uint32_t code, enum tui_role role); /* a row */
/* Give every cell of a row this role but keep characters; the cursor bar. */
void tui_tint(struct tui_grid *grid, struct tui_rect rect, int y, enum tui_role role);
int tui_code_width(uint32_t code); /* columns: 0, 1, 2; -1 for what is not printed */
int tui_text_width(const char *text);

/* The next code point of UTF-8; U+FFFD for a wrong byte, 0 at the end. */
uint32_t tui_utf8_next(const char **text);
int tui_utf8_put(uint32_t code, char out[5]); /* bytes written, terminated */
/* The grid as text: rows without trailing spaces; with `roles`, a second block of letters, one a role. */
void tui_grid_write(const struct tui_grid *grid, bool roles, struct sc_str *out);

#endif
