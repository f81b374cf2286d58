/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The cell grid: text stays inside its rect whatever the size, wide characters take two cells, ASCII stands for the
 * rest.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <locale.h>
#include <string.h>

#include "draw/grid.h"
#include "draw/theme.h"

static const char *row_text(const struct tui_grid *grid, int row, struct sc_str *out)
{
    sc_str_clear(out);
    tui_grid_write(grid, false, out);
    char *line = out->data;
    for (int y = 0; y < row; y++)
        line = strchr(line, '\n') + 1;
    *strchr(line, '\n') = '\0';
    return line;
}

static void text_is_cut_with_an_ellipsis_at_the_end_of_its_rect(void **state)
{
    struct tui_grid grid = {0};
    struct sc_str out = {0};
    (void)state;
    assert_true(tui_grid_resize(&grid, 20, 2));
    struct tui_rect rect = {2, 0, 6, 1};
    assert_int_equal(tui_text(&grid, rect, 0, 0, TUI_PLAIN, "abcdefgh"), 6);
    assert_string_equal(row_text(&grid, 0, &out), "  abcde\xe2\x80\xa6");
    tui_grid_clear(&grid);
    assert_int_equal(tui_text(&grid, rect, 0, 0, TUI_PLAIN, "abcdef"), 6);
    assert_string_equal(row_text(&grid, 0, &out), "  abcdef");
    tui_text(&grid, rect, 0, 1, TUI_PLAIN, "below");
    assert_string_equal(row_text(&grid, 1, &out), "");
    sc_str_free(&out);
    tui_grid_free(&grid);
}

static void wide_characters_take_two_cells_or_none(void **state)
{
    struct tui_grid grid = {0};
    struct sc_str out = {0};
    (void)state;
    assert_true(tui_grid_resize(&grid, 5, 1));
    assert_int_equal(tui_text_width("\xe5\xb1\x82z"), 3);
    tui_text(&grid, tui_grid_all(&grid), 0, 0, TUI_PLAIN, "\xe5\xb1\x82z");
    assert_int_equal(grid.cells[0].code, 0x5c42);
    assert_int_equal(grid.cells[1].code, 0);
    assert_int_equal(grid.cells[2].code, 'z');
    tui_grid_clear(&grid);
    tui_put(&grid, tui_grid_all(&grid), 4, 0, 0x5c42, TUI_PLAIN);
    assert_int_equal(grid.cells[4].code, ' ');
    tui_put(&grid, tui_grid_all(&grid), 0, 0, 0x5c42, TUI_PLAIN); /* half of it overwritten leaves no half behind */
    tui_put(&grid, tui_grid_all(&grid), 1, 0, 'b', TUI_PLAIN);
    assert_string_equal(row_text(&grid, 0, &out), " b");
    tui_put(&grid, tui_grid_all(&grid), 1, 0, 0x5c42, TUI_PLAIN);
    tui_put(&grid, tui_grid_all(&grid), 0, 0, 0x5c42, TUI_PLAIN);
    assert_string_equal(row_text(&grid, 0, &out), "\xe5\xb1\x82");
    sc_str_free(&out);
    tui_grid_free(&grid);
}

static void ascii_has_a_stand_in_for_every_character(void **state)
{
    struct tui_grid grid = {.ascii = true};
    struct sc_str out = {0};
    (void)state;
    assert_true(tui_grid_resize(&grid, 40, 1));
    tui_text(&grid, tui_grid_all(&grid), 0, 0, TUI_PLAIN,
             "\xe2\x94\x82 \xe2\x96\xb8 \xc3\x97"
             "16 \xce\x94 \xe5\xb1\x82.");
    assert_string_equal(row_text(&grid, 0, &out), "| + x16 d ??.");
    for (const char *c = out.data; *c; c++)
        assert_in_range((unsigned char)*c, 1, 126);
    sc_str_free(&out);
    tui_grid_free(&grid);
}

static void broken_utf8_is_shown_as_a_replacement_and_ends(void **state)
{
    const char *text = "\xff\xe2\x82z\xc3";
    uint32_t codes[8];
    int count = 0;
    (void)state;
    while (count < 8 && (codes[count] = tui_utf8_next(&text)))
        count++;
    assert_int_equal(codes[0], 0xfffd);
    assert_int_equal(codes[count - 1], 0xfffd);
    assert_true(count >= 4 && count < 8);
    const char *overlong = "\xc0\xaf", *surrogate = "\xed\xa0\x80";
    assert_int_equal(tui_utf8_next(&overlong), 0xfffd);
    assert_int_equal(tui_utf8_next(&surrogate), 0xfffd);
}

static void controls_never_reach_the_grid(void **state)
{
    struct tui_grid grid = {0};
    (void)state;
    assert_true(tui_grid_resize(&grid, 8, 1));
    tui_text(&grid, tui_grid_all(&grid), 0, 0, TUI_PLAIN, "\033[2J\x7f\xc2\x9b\n");
    for (int x = 0; x < grid.width; x++)
        assert_true(grid.cells[x].code >= 0x20 && (grid.cells[x].code < 0x7f || grid.cells[x].code >= 0xa0));
    tui_grid_free(&grid);
}

/* Cells around the grid that is drawn to are a frame which must stay as it was. */
static void drawing_stays_inside_for_every_rect(void **state)
{
    (void)state;
    for (int width = 1; width <= 12; width++)
        for (int x = -3; x <= 12; x++) {
            struct tui_grid grid = {0};
            assert_true(tui_grid_resize(&grid, 10, 3));
            struct tui_rect rect = {x, 1, width, 1};
            tui_fill(&grid, rect, 0, '#', TUI_BAD);
            tui_tint(&grid, rect, 0, TUI_GOOD);
            tui_tint(&grid, rect, 1, TUI_GOOD);
            tui_text(&grid, rect, -2, 0, TUI_WARN, "0123456789abcdef");
            tui_right(&grid, rect, 3, 0, 40, TUI_WARN, "right");
            for (int i = 0; i < 30; i++) {
                bool inside = i / 10 == 1 && i % 10 >= x && i % 10 < x + width;
                assert_true(inside || (grid.cells[i].code == ' ' && grid.cells[i].role == TUI_PLAIN));
            }
            tui_grid_free(&grid);
        }
}

static void every_theme_styles_every_role(void **state)
{
    (void)state;
    size_t count = 0;
    for (const struct tui_theme *theme; (theme = tui_theme_at(count)); count++) {
        assert_ptr_equal(tui_theme_find(theme->name), theme);
        for (int role = 0; role < TUI_ROLE_COUNT; role++) {
            const struct tui_style *style = &theme->style[role];
            assert_in_range(style->foreground + 1, 0, 16);
            assert_true(theme->colour || (style->foreground == -1 && style->background == -1));
        }
        const struct tui_style *plain = &theme->style[TUI_PLAIN], *cursor = &theme->style[TUI_CURSOR];
        assert_memory_not_equal(plain, cursor, sizeof *plain); /* without colours the cursor shows as well */
    }
    assert_int_equal(count, 4);
    assert_null(tui_theme_find("plaid"));
}

int main(void)
{
    setlocale(LC_CTYPE, "C.UTF-8");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_cut_with_an_ellipsis_at_the_end_of_its_rect),
        cmocka_unit_test(wide_characters_take_two_cells_or_none),
        cmocka_unit_test(ascii_has_a_stand_in_for_every_character),
        cmocka_unit_test(broken_utf8_is_shown_as_a_replacement_and_ends),
        cmocka_unit_test(controls_never_reach_the_grid),
        cmocka_unit_test(drawing_stays_inside_for_every_rect),
        cmocka_unit_test(every_theme_styles_every_role),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
