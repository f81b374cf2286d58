/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <string.h>
#include <wchar.h>

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
        {0x25be, '-'}, {0x2605, '*'}, {0x00d7, 'x'}, {0x0394, 'D'}, {0x2026, '~'}, {0x2265, '>'}, {0x2192, '>'},
        {0x2021, '#'}, {0x2588, '#'}, {0x2587, '#'}, {0x2591, '.'}, {0x2574, '-'}, {0x2576, '-'}, {0x2575, '|'},
        {0x2577, '|'}, {0x00b5, 'u'}, {0x00b7, '.'},
    };
    for (size_t i = 0; i < SC_LEN(table); i++)
        if (table[i].code == code)
            return (uint32_t)table[i].ascii;
    return '?';
}

int tui_put(struct tui_grid *grid, struct tui_rect rect, int x, int y, uint32_t code, enum tui_role role)
{
    int columns = 1;
    if (grid->ascii && code > 0x7e)
        code = to_ascii(code);
    if (code > 0x7e) {
        columns = wcwidth((wchar_t)code);
        if (columns < 0) {
            code = 0xfffd;
            columns = 1;
        }
    } else if (code < 0x20) {
        code = '?';
    }
    if (columns == 0) /* combining marks have no cell of their own */
        return 0;
    int gx = rect.x + x, gy = rect.y + y;
    if (x < 0 || y < 0 || x + columns > rect.width || y >= rect.height || gx < 0 || gy < 0 ||
        gx + columns > grid->width || gy >= grid->height)
        return columns;
    struct tui_cell *cell = &grid->cells[gy * grid->width + gx];
    *cell = (struct tui_cell){code, (uint8_t)role};
    if (columns == 2)
        cell[1] = (struct tui_cell){0, (uint8_t)role};
    return columns;
}

uint32_t tui_utf8_next(const char **text)
{
    const unsigned char *s = (const unsigned char *)*text;
    if (!*s)
        return 0;
    int length = *s < 0x80 ? 1 : (*s & 0xe0) == 0xc0 ? 2 : (*s & 0xf0) == 0xe0 ? 3 : (*s & 0xf8) == 0xf0 ? 4 : 0;
    uint32_t code = length == 1 ? *s : length ? *s & (0x7fu >> length) : 0xfffd;
    for (int i = 1; i < length; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            length = 0;
            code = 0xfffd;
            break;
        }
        code = code << 6 | (s[i] & 0x3f);
    }
    *text += length ? length : 1;
    return code;
}

int tui_utf8_put(uint32_t code, char out[5])
{
    int length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    if (length == 1) {
        out[0] = (char)code;
    } else {
        static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
        for (int i = length - 1; i > 0; i--, code >>= 6)
            out[i] = (char)(0x80 | (code & 0x3f));
        out[0] = (char)(lead[length] | code);
    }
    out[length] = '\0';
    return length;
}

int tui_text_width(const char *text)
{
    int width = 0;
    for (uint32_t code; (code = tui_utf8_next(&text));) {
        int columns = code < 0x7f ? 1 : wcwidth((wchar_t)code);
        width += columns < 0 ? 1 : columns;
    }
    return width;
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
