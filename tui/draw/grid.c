/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "draw/grid.h"

bool tui_grid_resize(struct tui_grid *grid, int width, int height)
{
    struct tui_cell *cells = sc_calloc((size_t)width * (size_t)height + 1, sizeof *cells);
    if (!cells)
        return false;
    sc_free(grid->cells);
    grid->cells = cells;
    grid->width = width;
    grid->height = height;
    tui_grid_clear(grid);
    return true;
}

void tui_grid_clear(struct tui_grid *grid)
{
    for (int i = 0; i < grid->width * grid->height; i++)
        grid->cells[i] = (struct tui_cell){' ', TUI_PLAIN};
    grid->cursor_x = grid->cursor_y = -1;
}

void tui_grid_free(struct tui_grid *grid)
{
    sc_free(grid->cells);
    *grid = (struct tui_grid){0};
}

struct tui_rect tui_grid_all(const struct tui_grid *grid)
{
    return (struct tui_rect){0, 0, grid->width, grid->height};
}

/* What stands for a character on a terminal that has only ASCII. */
static uint32_t to_ascii(uint32_t code)
{
    static const struct {
        uint32_t code;
        char ascii;
    } table[] = {
        {0x2500, '-'}, {0x2502, '|'}, {0x256d, '+'}, {0x256e, '+'}, {0x256f, '+'}, {0x2570, '+'}, {0x251c, '|'},
        {0x2524, '|'}, {0x252c, '+'}, {0x2534, '+'}, {0x253c, '+'}, {0x25cf, '*'}, {0x25cb, 'o'}, {0x25b8, '+'},
        {0x25be, '-'}, {0x2605, '*'}, {0x00d7, 'x'}, {0x0394, 'd'}, {0x2026, '~'}, {0x2265, '>'}, {0x2192, '>'},
        {0x2021, '#'}, {0x2588, '#'}, {0x2587, '#'}, {0x2591, ':'}, {0x2574, '-'}, {0x2576, '-'}, {0x2575, '|'},
        {0x2577, '|'}, {0x00b5, 'u'}, {0x00b7, '.'}, {0x2592, '+'}, {0x2593, '%'}, {0x2550, '='}, {0x2264, '<'},
        {0x25bc, 'v'}, {0x25c2, '<'}, {0x2581, '_'}, {0x2582, '_'}, {0x2583, '_'}, {0x2584, '='}, {0x2585, '='},
        {0x2586, '='},
    };
    for (size_t i = 0; i < SC_LEN(table); i++)
        if (table[i].code == code)
            return (uint32_t)table[i].ascii;
    if (code > 0x2588 && code <= 0x258f) /* parts of a bar */
        return code <= 0x258c ? '#' : ' ';
    return '?';
}

/* The one place that clips. A wide character whose half is overwritten goes whole. */
static void set_cell(struct tui_grid *grid, int x, int y, uint32_t code, int columns, enum tui_role role)
{
    struct tui_cell *row = grid->cells + (size_t)y * (size_t)grid->width;
    if (x > 0 && !row[x].code)
        row[x - 1].code = ' ';
    if (x + columns < grid->width && !row[x + columns].code)
        row[x + columns].code = ' ';
    for (int i = 0; i < columns; i++)
        row[x + i] = (struct tui_cell){i ? 0 : code, (uint8_t)role};
}

int tui_put(struct tui_grid *grid, struct tui_rect rect, int x, int y, uint32_t code, enum tui_role role)
{
    int columns = tui_code_width(code), gx = rect.x + x, gy = rect.y + y;
    if (code < 0x20 || code == 0x7f || columns < 0)
        code = 0xfffd;
    if (columns == 0) /* combining marks have no cell of their own */
        return 0;
    columns = columns < 0 ? 1 : columns;
    if (x < 0 || y < 0 || x + columns > rect.width || y >= rect.height || gx < 0 || gy < 0 ||
        gx + columns > grid->width || gy >= grid->height)
        return columns;
    if (grid->ascii && code > 0x7e) { /* keeps its width, so that columns stay aligned */
        for (int i = 0; i < columns; i++)
            set_cell(grid, gx + i, gy, to_ascii(code), 1, role);
    } else {
        set_cell(grid, gx, gy, code, columns, role);
    }
    return columns;
}

int tui_text(struct tui_grid *grid, struct tui_rect rect, int x, int y, enum tui_role role, const char *text)
{
    bool cut = x + tui_text_width(text) > rect.width;
    for (uint32_t code; (code = tui_utf8_next(&text));) {
        if (cut && x >= rect.width - 1) {
            tui_put(grid, rect, x, y, 0x2026, role);
            return rect.width;
        }
        x += tui_put(grid, rect, x, y, code, role);
    }
    return x;
}

int tui_textf(struct tui_grid *grid, struct tui_rect rect, int x, int y, enum tui_role role, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return tui_text(grid, rect, x, y, role, text);
}

int tui_right(struct tui_grid *grid, struct tui_rect rect, int x, int y, int width, enum tui_role role,
              const char *text)
{
    int at = x + width - tui_text_width(text);
    struct tui_rect part = rect;
    if (part.width > x + width)
        part.width = x + width;
    tui_text(grid, part, at < x ? x : at, y, role, text);
    return x + width;
}

/* Bytes of the next row: as much as `room` columns hold, up to the last space if there is one behind the indent. */
static size_t row_bytes(const char *text, const char *end, int room)
{
    const char *at = text, *space = NULL;
    bool word = false;
    for (int width = 0; at < end;) {
        const char *next = at;
        int columns = tui_code_width(tui_utf8_next(&next));
        width += columns < 0 ? 1 : columns;
        if (width > room)
            return (size_t)((space ? space : at > text ? at : next) - text);
        if (*at == ' ' && word)
            space = at;
        word |= *at != ' ';
        at = next;
    }
    return (size_t)(end - text);
}

int tui_paragraph(struct tui_grid *grid, struct tui_rect rect, int skip, enum tui_role role, const char *text,
                  size_t length)
{
    const char *end = text + length;
    int rows = 0, indent = (int)strspn(text, " ");
    indent = indent + 2 < rect.width / 2 ? indent + 2 : 0;
    do {
        int x = rows ? indent : 0, room = rect.width - x > 1 ? rect.width - x : 1;
        size_t take = row_bytes(text, end, room);
        if (grid && rows >= skip)
            tui_textf(grid, rect, x, rows - skip, role, "%.*s", (int)take, text);
        text += take;
        while (text < end && *text == ' ')
            text++;
        rows++;
    } while (text < end);
    return rows;
}

void tui_bar(struct tui_grid *grid, struct tui_rect rect, int x, int y, int width, double fraction, enum tui_role role)
{
    double filled = fraction > 1 ? 1 : fraction > 0 ? fraction : 0;
    int eighths = (int)(filled * width * 8 + 0.5);
    if (!eighths && fraction > 0) /* something is not nothing */
        eighths = 1;
    for (int i = 0; i < width && eighths > 0; i++, eighths -= 8)
        tui_put(grid, rect, x + i, y, eighths >= 8 ? 0x2588 : 0x2590u - (uint32_t)eighths, role);
}

void tui_fill(struct tui_grid *grid, struct tui_rect rect, int y, uint32_t code, enum tui_role role)
{
    for (int x = 0; x < rect.width; x++)
        tui_put(grid, rect, x, y, code, role);
}

void tui_tint(struct tui_grid *grid, struct tui_rect rect, int y, enum tui_role role)
{
    int gy = rect.y + y;
    if (y < 0 || y >= rect.height || gy < 0 || gy >= grid->height)
        return;
    for (int x = rect.x < 0 ? 0 : rect.x; x < rect.x + rect.width && x < grid->width; x++)
        grid->cells[gy * grid->width + x].role = (uint8_t)role;
}

void tui_grid_write(const struct tui_grid *grid, bool roles, struct sc_str *out)
{
    char bytes[5];
    for (int block = 0; block < (roles ? 2 : 1); block++) {
        for (int y = 0; y < grid->height; y++) {
            const struct tui_cell *row = grid->cells + (size_t)y * (size_t)grid->width;
            int end = grid->width;
            while (end > 0 && (block ? row[end - 1].role == TUI_PLAIN : row[end - 1].code == ' '))
                end--;
            for (int x = 0; x < end; x++) {
                if (block)
                    sc_str_addf(out, "%c", row[x].role == TUI_PLAIN ? '.' : 'a' + row[x].role);
                else if (row[x].code)
                    sc_str_addn(out, bytes, (size_t)tui_utf8_put(row[x].code, bytes));
            }
            sc_str_add(out, "\n");
        }
        if (roles && block == 0)
            sc_str_add(out, "---- roles\n");
    }
}
