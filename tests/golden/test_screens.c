/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Screens against golden files: text and roles of every cell. `scripts/dev/bless` writes them anew.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <locale.h>

#include "ui/app.h"

struct screen {
    const char *name, *model, *cluster;
    int width, height;
    bool ascii;
    const char *keys;   /* names in angle brackets */
    const char *stages; /* as of --stages; NULL: one */
};

static const struct screen screens[] = {
    {"mlp-80x24", "mlp-2", "toy-1x4", 80, 24, false, "", NULL},
    {"mlp-40x10", "mlp-2", "toy-1x4", 40, 10, false, "", NULL},
    {"mlp-ascii", "mlp-2", "toy-1x4", 80, 24, true, "", NULL},
    {"gpt-folded-80x24", "gpt-125m", "p3.16xlarge", 80, 24, false, "", NULL},
    {"gpt-open-80x24", "gpt-125m", "p3.16xlarge", 80, 24, false, "jjj<Enter>jjjj", NULL},
    {"gpt-open-200x50", "gpt-125m", "p3.16xlarge", 200, 50, false, "jjj<Enter>jjjjjjjjj", NULL},
    {"gpt-open-ascii", "gpt-125m", "p3.16xlarge", 120, 40, true, "zRjjjjjjj<Tab>jj", NULL},
    {"gpt-candidates-80x24", "gpt-125m", "p3.16xlarge", 80, 24, false, "jjj<Enter>jj<Tab>jjj", NULL},
    {"gpt-pinned-100x30", "gpt-125m", "p3.16xlarge", 100, 30, false, "zRjjjjj<Tab>jp<Esc>", NULL},
    {"gpt-filter-80x24", "gpt-125m", "p3.16xlarge", 80, 24, false, "fmlp<Enter>", NULL},
    {"gpt-parameters-80x24", "gpt-125m", "p3.16xlarge", 80, 24, false, "zRa<Esc>", NULL},
    {"help-80x24", "mlp-2", "toy-1x4", 80, 24, false, "?", NULL},
    {"help-40x10", "mlp-2", "toy-1x4", 40, 10, false, "?", NULL},
    {"complete-80x24", "mlp-2", "toy-1x4", 80, 24, false, ":pin layer.0<Tab>", NULL},
    {"picker-80x24", NULL, NULL, 80, 24, false, "", NULL},
    {"cuts-80x24", "gpt-1.3b", "p3.16xlarge", 80, 24, false, "]]", "4"},
    {"cuts-40x10", "gpt-125m", "p3.16xlarge", 40, 10, false, "]", "2"},
    {"cuts-200x50", "gpt-1.3b", "p3.16xlarge", 200, 50, false, "]]c", "4"},
    {"cuts-ascii", "gpt-125m", "p3.16xlarge", 80, 24, true, "jjjc", NULL},
    {"stages-80x24", "gpt-1.3b", "p3.16xlarge", 80, 24, false, "3jj", "4"},
    {"stages-40x10", "gpt-125m", "p3.16xlarge", 40, 10, false, "3j", "2"},
    {"stages-positions-40x10", "gpt-125m", "p3.16xlarge", 40, 10, false, "3j<Tab>j", "2"},
    {"stages-200x50", "gpt-1.3b", "p3.16xlarge", 200, 50, false, "3jj<Tab>jj", "4"},
    {"stages-ascii", "gpt-1.3b", "p3.16xlarge", 80, 24, true, "3j>", "4"},
    {"stages-one-80x24", "gpt-125m", "p3.16xlarge", 80, 24, false, "3", NULL},
    {"stages-impossible-80x24", "gpt-125m", "p3.16xlarge", 80, 24, false, ":set memory 2<Enter>3j<Tab>kkk", "2"},
    {"stages-conflict-80x24", "gpt-125m", "p3.16xlarge", 80, 24, false, "3jc:set memory 0.5<Enter>", "2"},
    {"timeline-80x24", "gpt-1.3b", "p3.16xlarge", 80, 24, false, "4<Right><Right><Right>", "4"},
    {"timeline-40x10", "gpt-125m", "p3.16xlarge", 40, 10, false, "4<Right><Right><Right>", "2"},
    {"timeline-200x50", "gpt-1.3b", "p3.16xlarge", 200, 50, false, "4jjllll", "4"},
    {"timeline-ascii", "gpt-125m", "p3.16xlarge", 80, 24, true, "4ll", "2"},
    {"timeline-all-80x24", "gpt-1.3b", "p3.16xlarge", 80, 24, false, "40G", "4"},
    {"timeline-gpipe-80x24", "gpt-125m", "p3.16xlarge", 80, 24, false, "4sll", "2"},
    {"timeline-interleaved-100x30", "gpt-125m", "p3.16xlarge", 100, 30, false, "4sslll", "2"},
    {"timeline-why-80x24", "gpt-1.3b", "p3.16xlarge", 80, 24, false, "4ssw", "4"},
    {"tiny-20x5", "mlp-2", "toy-1x4", 20, 5, false, "", NULL},
};

static void feed(struct tui_app *app, const char *keys)
{
    while (*keys) {
        char name[16];
        int key;
        size_t length = *keys == '<' ? strcspn(keys, ">") : 0;
        if (length > 1) {
            snprintf(name, sizeof name, "%.*s", (int)length - 1, keys + 1);
            key = tui_key_find(name);
            keys += length + 1;
        } else {
            key = (int)tui_utf8_next(&keys);
        }
        assert_int_not_equal(key, 0);
        tui_app_settle(app);
        tui_app_key(app, key);
        if (app->rows_stale)
            tui_rows_build(app);
    }
}

static struct tui_app *start(const struct screen *screen, struct tui_term **term)
{
    struct sc_settings settings;
    struct sc_error err = {0};
    struct tui_app *app = NULL;
    sc_settings_init(&settings);
    if (screen->model) {
        assert_true(sc_settings_set_model(&settings, screen->model));
        assert_int_equal(sc_settings_set(&settings, "cluster", screen->cluster, &err), SC_OK);
        if (screen->stages)
            assert_int_equal(sc_settings_set(&settings, "stages", screen->stages, &err), SC_OK);
    }
    struct tui_start begin = {.settings = &settings, .ascii = screen->ascii, .threads = true};
    if (tui_app_new(&begin, &app, &err) != SC_OK)
        fail_msg("%s: %s", screen->name, err.message);
    sc_settings_free(&settings);
    *term = tui_term_memory(screen->width, screen->height);
    tui_app_use_term(app, *term);
    tui_rows_build(app);
    tui_submit(app, false);
    tui_app_settle(app);
    return app;
}

static void test_screen(void **state)
{
    const struct screen *screen = *state;
    struct tui_term *term;
    struct tui_app *app = start(screen, &term);
    struct sc_str is = {0};
    char path[512], *was = NULL;
    size_t size = 0;
    feed(app, screen->keys);
    tui_app_settle(app);
    if (strncmp(app->message, "solved in", 9) == 0) /* it holds the time of this machine */
        app->message[0] = '\0';
    tui_app_draw(app);
    tui_grid_write(tui_term_screen(term), true, &is);
    snprintf(path, sizeof path, "%s/tests/golden/screens/%s.txt", TEST_SOURCE_DIR, screen->name);
    if (getenv("STAGECUT_BLESS")) {
        assert_int_equal(sc_file_write(path, sc_str_text(&is), is.length, NULL), SC_OK);
    } else {
        struct sc_error err = {0};
        if (sc_file_read(path, 1 << 20, &was, &size, &err) != SC_OK)
            fail_msg("%s: %s; scripts/dev/bless writes it", path, err.message);
        if (strcmp(was, sc_str_text(&is)) != 0) {
            fprintf(stderr, "%s\n---- is:\n%s", screen->name, sc_str_text(&is));
            fail_msg("%s differs from %s", screen->name, path);
        }
        sc_free(was);
    }
    sc_str_free(&is);
    tui_app_free(app);
    tui_term_free(term);
}

/* Rendering clips: every size from 1x1 to 200x60, in each view, with a plan and many rows. A sanitizer sees writes
 * outside the grid; a wrong size of the shown grid is seen here. */
static void test_every_size(void **state)
{
    static const struct screen gpt = {"sizes", "gpt-125m", "p3.16xlarge", 80, 24, false, "", "3"};
    struct tui_term *term;
    struct tui_app *app = start(&gpt, &term);
    (void)state;
    feed(app, "zRjjjjjjj");
    tui_app_settle(app);
    for (int view = 0; view < TUI_VIEW_COUNT; view++) {
        app->view = (enum tui_view_id)view;
        for (int pane = 0; pane < 2; pane++) {
            app->pane = (enum tui_pane)pane;
            tui_app_settle(app);
            for (int height = 1; height <= 60; height += height < 12 ? 1 : 7)
                for (int width = 1; width <= 200; width += width < 50 ? 1 : 13) {
                    tui_term_resize(term, width, height);
                    tui_app_draw(app);
                    assert_int_equal(tui_term_screen(term)->width, width);
                    assert_int_equal(tui_term_screen(term)->height, height);
                }
        }
    }
    tui_app_free(app);
    tui_term_free(term);
}

/* Any keys leave a plan that the checker accepts (the planner refuses others) and a session that undo empties. */
static void test_random_keys(void **state)
{
    static const struct screen mlp = {"keys", "mlp-2", "toy-1x4", 80, 24, false, "", NULL};
    static const int special[] = {TUI_KEY_ENTER, TUI_KEY_TAB,   TUI_KEY_ESCAPE,    TUI_KEY_UP, TUI_KEY_DOWN,
                                  TUI_KEY_LEFT,  TUI_KEY_RIGHT, TUI_KEY_PAGE_DOWN, TUI_KEY_F1, TUI_KEY_BACKSPACE};
    struct tui_term *term;
    struct tui_app *app = start(&mlp, &term);
    uint64_t seed = 7, first = sc_session_hash(app->session);
    (void)state;
    for (int i = 0; i < 3000; i++) {
        int key = sc_random_below(&seed, 3) ? (int)(33 + sc_random_below(&seed, 94))
                                            : special[sc_random_below(&seed, SC_LEN(special))];
        if (app->editing && key == TUI_KEY_ENTER) /* no files are written or opened here */
            key = TUI_KEY_ESCAPE;
        if (app->confirm_quit)
            key = 'x';
        tui_app_key(app, key);
        app->quit = false;
        if (app->view == TUI_VIEW_PICKER) /* another model would be another session */
            app->view = TUI_VIEW_GRAPH;
        if (i % 100 == 0)
            tui_app_settle(app);
        if (app->rows_stale)
            tui_rows_build(app);
        if (i % 10 == 0)
            tui_app_draw(app);
    }
    tui_app_settle(app);
    if (sc_session_undo_depth(app->session))
        assert_int_equal(sc_session_apply(app->session, "undo 100000", NULL), SC_OK);
    assert_true(sc_session_hash(app->session) == first);
    tui_app_free(app);
    tui_term_free(term);
}

/* ---- keys of stages ---- */

static bool begins_at(const struct tui_app *app, const char *layer)
{
    const struct sc_plan *plan = app->plan;
    for (int i = 1; i < plan->stage_count; i++)
        if (strcmp(plan->graph->layers[plan->stages[i].first_layer].name, layer) == 0)
            return true;
    return false;
}

static void press(struct tui_app *app, const char *keys)
{
    feed(app, keys);
    tui_app_settle(app);
}

/* A cut is made, moved, forbidden and taken back; the cursor goes with it; each is one step of undo. */
static void test_cut_keys(void **state)
{
    static const struct screen gpt = {"cut keys", "gpt-125m", "p3.16xlarge", 80, 24, false, "", NULL};
    struct tui_term *term;
    struct tui_app *app = start(&gpt, &term);
    uint64_t first = sc_session_hash(app->session);
    (void)state;
    assert_int_equal(app->plan->stage_count, 1);
    press(app, "jjjc"); /* on the folded layers: in their middle */
    assert_true(begins_at(app, "layer.6"));
    assert_int_equal(sc_session_undo_depth(app->session), 1);
    const struct tui_row *row = tui_row_at(app, app->list.cursor);
    assert_true(row->cut > 0 && app->plan->graph->layers[app->plan->stages[row->cut].first_layer].name[6] == '6');
    press(app, ">>");
    assert_true(begins_at(app, "layer.8") && !begins_at(app, "layer.6"));
    assert_int_equal(sc_session_undo_depth(app->session), 3);
    press(app, "3<");
    assert_int_equal(app->view, TUI_VIEW_STAGES);
    assert_true(begins_at(app, "layer.7") && app->stage_list.cursor > 0);
    press(app, "C");
    assert_false(begins_at(app, "layer.7"));
    assert_int_equal(sc_session_settings(app->session)->no_cuts.count, 1);
    assert_int_equal(sc_session_settings(app->session)->cuts.count, 0);
    press(app, "uuuuu");
    assert_int_equal(app->plan->stage_count, 1);
    assert_true(sc_session_hash(app->session) == first);
    press(app, "<Ctrl-R><Ctrl-R>1]x");
    assert_int_equal(sc_session_settings(app->session)->cuts.count, 0);
    press(app, "uuu");
    assert_true(sc_session_hash(app->session) == first);
    tui_app_free(app);
    tui_term_free(term);
}

/* What the list of positions says is what happens then. */
static void test_positions(void **state)
{
    static const struct screen gpt = {"positions", "gpt-125m", "p3.16xlarge", 80, 24, false, "", "2"};
    struct tui_term *term;
    struct tui_app *app = start(&gpt, &term);
    struct sc_str line = {0};
    char before[64], after[64], delta[32];
    (void)state;
    press(app, "3j<Tab>jj");
    tui_app_draw(app);
    assert_true(tui_positions_view.text(app, app->position_list.cursor, &line));
    double was = app->plan->objective_s;
    press(app, "<Enter>");
    tui_format_delta(app->plan->objective_s - was, true, "", delta, sizeof delta);
    snprintf(before, sizeof before, "%s", sc_str_text(&line));
    snprintf(after, sizeof after, "%s %s", app->graph->layers[app->plan->stages[1].first_layer].name, delta);
    assert_string_equal(before, after);
    assert_int_equal(app->stage_list.cursor, 1);
    press(app, "<Esc>");
    assert_int_equal(app->pane, TUI_PANE_MAIN);
    press(app, "<Enter>"); /* to the graph, at this cut */
    assert_int_equal(app->view, TUI_VIEW_GRAPH);
    assert_int_equal(tui_row_at(app, app->list.cursor)->cut, 1);
    sc_str_free(&line);
    tui_app_free(app);
    tui_term_free(term);
}

static void state_at(struct tui_app *app, int stage, char *out, size_t size)
{
    struct sc_str text = {0};
    assert_true(tui_timeline_view.text(app, stage, &text));
    snprintf(out, size, "%s", strchr(sc_str_text(&text), ':') + 2);
    sc_str_free(&text);
}

/* Steps go from event to event to the end, and back to the beginning. */
static void test_timeline_keys(void **state)
{
    static const struct screen gpt = {"timeline", "gpt-125m", "p3.16xlarge", 80, 24, false, "", "2"};
    struct tui_term *term;
    struct tui_app *app = start(&gpt, &term);
    char text[64];
    (void)state;
    press(app, "4");
    state_at(app, 0, text, sizeof text);
    assert_string_equal(text, "forward 0");
    state_at(app, 1, text, sizeof text);
    assert_string_equal(text, "waits for stage 0");
    press(app, "l");
    state_at(app, 0, text, sizeof text);
    assert_string_equal(text, "send forward 0");
    press(app, "l");
    state_at(app, 1, text, sizeof text);
    assert_string_equal(text, "forward 0");
    press(app, "hh");
    state_at(app, 0, text, sizeof text);
    assert_string_equal(text, "forward 0");
    press(app, "h"); /* nothing is before */
    assert_true(strstr(app->message, "beginning"));
    press(app, "G");
    state_at(app, 0, text, sizeof text);
    assert_string_equal(text, "has ended");
    int steps = 0;
    for (; !strstr(app->message, "beginning") && steps < 10000; steps++)
        tui_app_key(app, 'h');
    assert_in_range(steps, 4 * 64, 10000);
    press(app, "+++--0<PgDn><PgUp>gg");
    state_at(app, 0, text, sizeof text);
    assert_string_equal(text, "forward 0");
    press(app, "ss");
    assert_true(strstr(tui_timeline_words(app), "interleaved"));
    press(app, ":simulate gpipe<Enter>");
    assert_true(strstr(tui_timeline_words(app), "gpipe"));
    press(app, ":simulate backwards<Enter>");
    assert_true(strstr(app->message, "expected"));
    press(app, ":simulate interleaved 3<Enter>ll");
    assert_true(strstr(tui_timeline_words(app), "interleaved"));
    tui_app_free(app);
    tui_term_free(term);
}

/* Every command runs in every view without a crash, by its name. */
static void test_every_command(void **state)
{
    static const struct screen mlp = {"commands", "mlp-2", "toy-1x4", 80, 24, false, "", NULL};
    struct tui_term *term;
    struct tui_app *app = start(&mlp, &term);
    const struct tui_command *command;
    (void)state;
    for (int view = 0; view < TUI_VIEW_COUNT; view++)
        for (size_t i = 0; (command = tui_command_at(i)); i++) {
            if (strcmp(command->name, "save-quit") == 0) /* would write into the current folder */
                continue;
            app->view = (enum tui_view_id)view;
            app->pane = i % 2 ? TUI_PANE_BESIDE : TUI_PANE_MAIN;
            tui_run(app, command->name);
            tui_app_settle(app);
            tui_app_draw(app);
            app->editing = 0;
            app->quit = app->confirm_quit = false;
        }
    tui_app_free(app);
    tui_term_free(term);
}

int main(void)
{
    const struct CMUnitTest others[] = {
        {"every size", test_every_size, NULL, NULL, NULL},
        {"random keys", test_random_keys, NULL, NULL, NULL},
        {"every command", test_every_command, NULL, NULL, NULL},
        {"cut keys", test_cut_keys, NULL, NULL, NULL},
        {"positions", test_positions, NULL, NULL, NULL},
        {"timeline keys", test_timeline_keys, NULL, NULL, NULL},
    };
    struct CMUnitTest tests[SC_LEN(screens) + SC_LEN(others)];
    setlocale(LC_CTYPE, "C.UTF-8");
    for (size_t i = 0; i < SC_LEN(screens); i++)
        tests[i] = (struct CMUnitTest){screens[i].name, test_screen, NULL, NULL, (void *)(uintptr_t)&screens[i]};
    memcpy(tests + SC_LEN(screens), others, sizeof others);
    return _cmocka_run_group_tests("screens", tests, SC_LEN(tests), NULL, NULL);
}
