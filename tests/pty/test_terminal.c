/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The program on a terminal: it starts, follows its size, and gives the terminal back however it ends.
 */
#include "screen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"

#define MUST(s, condition)                                                                                             \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            screen_print(s);                                                                                           \
            fail_msg("%s", #condition);                                                                                \
        }                                                                                                              \
    } while (0)

static const char *const mlp[] = {"mlp-2", "--cluster", "toy-1x4", NULL};

static void open_mlp(struct screen *s)
{
    screen_open(s, 80, 24, mlp, NULL);
    MUST(s, screen_wait(s, "optimal", 20));
}

/* Something that has to be saved. */
static void pin_something(struct screen *s)
{
    screen_type(s, ":pin layer.0.fc b@x f@y\r");
    MUST(s, screen_wait(s, "changed", 20));
}

static void it_starts_and_q_gives_the_terminal_back(void **state)
{
    struct screen s;
    (void)state;
    open_mlp(&s);
    MUST(&s, s.alternate && s.cursor_hidden);
    MUST(&s, screen_has(&s, "mlp-2") && screen_has(&s, "layer.0.fc") && screen_has(&s, "Help"));
    screen_type(&s, "q");
    assert_int_equal(screen_end(&s, 10), 0);
    MUST(&s, screen_restored(&s));
    screen_close(&s);
}

static void it_asks_before_changes_are_lost(void **state)
{
    struct screen s;
    char path[128];
    (void)state;
    open_mlp(&s);
    pin_something(&s);
    screen_type(&s, "q");
    MUST(&s, screen_wait(&s, "save", 5));
    screen_type(&s, "\033");
    screen_read(&s, 0.2);
    MUST(&s, s.alternate);
    screen_type(&s, "q");
    MUST(&s, screen_wait(&s, "save", 5));
    screen_type(&s, "y");
    assert_int_equal(screen_end(&s, 10), 0);
    MUST(&s, screen_restored(&s));
    snprintf(path, sizeof path, "%s/mlp-2.session.json", s.dir);
    assert_int_equal(access(path, R_OK), 0);
    screen_close(&s);
}

static void it_follows_the_size_down_to_one_cell_and_back(void **state)
{
    struct screen s;
    (void)state;
    open_mlp(&s);
    static const int sizes[][2] = {{1, 1}, {2, 50}, {40, 10}, {1, 24}, {200, 50}, {200, 1}, {80, 24}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        screen_resize(&s, sizes[i][0], sizes[i][1]);
        screen_read(&s, 0.1);
        assert_int_equal(kill(s.child, 0), 0);
    }
    MUST(&s, screen_wait(&s, "optimal", 5) && screen_has(&s, "layer.0.fc") && screen_has(&s, "Help"));
    screen_type(&s, "q");
    assert_int_equal(screen_end(&s, 10), 0);
    MUST(&s, screen_restored(&s));
    screen_close(&s);
}

static void ctrl_z_suspends_and_fg_comes_back(void **state)
{
    struct screen s;
    (void)state;
    open_mlp(&s);
    for (int round = 0; round < 2; round++) {
        screen_type(&s, "\032");
        assert_true(screen_stopped(&s, 10));
        screen_read(&s, 0.1);
        MUST(&s, screen_restored(&s));
        assert_int_equal(kill(s.child, SIGCONT), 0);
        screen_read(&s, 0.3);
        MUST(&s, s.alternate && screen_wait(&s, "layer.0.fc", 5));
    }
    screen_type(&s, "j?");
    MUST(&s, screen_wait(&s, "in the graph", 5));
    screen_type(&s, "qq");
    assert_int_equal(screen_end(&s, 10), 0);
    MUST(&s, screen_restored(&s));
    screen_close(&s);
}

static void stopped_from_outside_it_gives_the_terminal_back_too(void **state)
{
    struct screen s;
    (void)state;
    open_mlp(&s);
    assert_int_equal(kill(s.child, SIGTSTP), 0);
    assert_true(screen_stopped(&s, 10));
    screen_read(&s, 0.1);
    MUST(&s, screen_restored(&s));
    assert_int_equal(kill(s.child, SIGCONT), 0);
    screen_read(&s, 0.3);
    MUST(&s, s.alternate && screen_wait(&s, "layer.0.fc", 5));
    screen_type(&s, "q");
    assert_int_equal(screen_end(&s, 10), 0);
    screen_close(&s);
}

static void a_hang_up_saves_the_session_and_ends(void **state)
{
    struct screen s;
    char path[128];
    (void)state;
    open_mlp(&s);
    pin_something(&s);
    close(s.master);
    s.master = -1;
    assert_int_not_equal(screen_end(&s, 10), -1);
    snprintf(path, sizeof path, "%s/stagecut/autosave.json", s.dir);
    assert_int_equal(access(path, R_OK), 0);
    screen_close(&s);
}

static void sigterm_saves_the_session_and_gives_the_terminal_back(void **state)
{
    struct screen s;
    char path[128];
    (void)state;
    open_mlp(&s);
    pin_something(&s);
    kill(s.child, SIGTERM);
    int status = screen_end(&s, 10);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 128 + SIGTERM);
    MUST(&s, screen_restored(&s));
    snprintf(path, sizeof path, "%s/stagecut/autosave.json", s.dir);
    assert_int_equal(access(path, R_OK), 0);
    screen_close(&s);
}

static void a_crash_gives_the_terminal_back(void **state)
{
    static const int signals[] = {SIGSEGV, SIGABRT, SIGBUS, SIGFPE};
    (void)state;
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        struct screen s;
        open_mlp(&s);
        assert_int_equal(kill(s.child, signals[i]), 0);
        int status = screen_end(&s, 10);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == signals[i]);
        MUST(&s, screen_restored(&s));
        screen_close(&s);
    }
}

static void a_crash_while_suspended_writes_nothing(void **state)
{
    struct screen s;
    (void)state;
    open_mlp(&s);
    screen_type(&s, "\032");
    assert_true(screen_stopped(&s, 10));
    screen_read(&s, 0.1);
    size_t bytes = s.raw.length;
    kill(s.child, SIGKILL);
    assert_int_not_equal(screen_end(&s, 10), -1);
    assert_int_equal(s.raw.length, bytes);
    MUST(&s, screen_restored(&s));
    screen_close(&s);
}

static void a_paste_of_a_megabyte_is_survived(void **state)
{
    struct screen s;
    size_t size = 1 << 20;
    char *paste = sc_alloc(size + 1);
    (void)state;
    open_mlp(&s);
    for (size_t i = 0; i < size; i++) /* no q and no Enter, which would end it or run something */
        paste[i] = i % 7 ? "jkhlGnNzx/ f"[i % 12] : 'g';
    screen_type(&s, paste);
    screen_type(&s, "\033\033\033");
    screen_read(&s, 1);
    screen_type(&s, "\033:quit\r");
    int status = screen_end(&s, 60);
    assert_int_equal(status, 0);
    MUST(&s, screen_restored(&s));
    sc_free(paste);
    screen_close(&s);
}

static void every_kind_of_terminal_works(void **state)
{
    static const char *const terms[] = {"TERM=xterm", "TERM=linux", "TERM=screen", "TERM=tmux-256color",
                                        "TERM=vt100", "TERM=ansi",  "TERM=dumb"};
    (void)state;
    for (size_t i = 0; i < sizeof terms / sizeof *terms; i++) {
        const char *environment[] = {terms[i], NULL};
        struct screen s;
        screen_open(&s, 80, 24, mlp, environment);
        if (!screen_wait(&s, "Help", 20)) { /* no such entry here: it says so and ends */
            int status = screen_end(&s, 10);
            MUST(&s, WIFEXITED(status) && WEXITSTATUS(status) == 2);
            MUST(&s, screen_has(&s, "terminal type"));
        } else {
            screen_type(&s, "jjkq");
            assert_int_equal(screen_end(&s, 10), 0);
        }
        struct termios now;
        assert_int_equal(tcgetattr(s.master, &now), 0);
        assert_int_equal(now.c_lflag, s.before.c_lflag);
        screen_close(&s);
    }
}

static void an_unknown_terminal_is_a_clear_error(void **state)
{
    static const char *const environment[] = {"TERM=no-such-terminal", NULL};
    struct screen s;
    (void)state;
    screen_open(&s, 80, 24, mlp, environment);
    int status = screen_end(&s, 10);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 2);
    MUST(&s, screen_has(&s, "no-such-terminal"));
    screen_close(&s);
}

static bool has_colour(struct screen *s)
{
    for (int y = 0; y < 24; y++)
        for (int x = 0; x < 80; x++) {
            VTermScreenCell cell;
            vterm_screen_get_cell(s->cells, (VTermPos){y, x}, &cell);
            if (!VTERM_COLOR_IS_DEFAULT_FG(&cell.fg) || !VTERM_COLOR_IS_DEFAULT_BG(&cell.bg))
                return true;
        }
    return false;
}

static void colours_are_the_users_choice(void **state)
{
    static const struct {
        const char *environment[2];
        const char *arguments[6];
        bool colour;
    } cases[] = {
        {{NULL}, {"mlp-2", "--cluster", "toy-1x4", NULL}, true},
        {{"NO_COLOR=1", NULL}, {"mlp-2", "--cluster", "toy-1x4", NULL}, false},
        {{"NO_COLOR=1", NULL}, {"mlp-2", "--cluster", "toy-1x4", "--color=always", NULL}, true},
        {{NULL}, {"mlp-2", "--cluster", "toy-1x4", "--color=never", NULL}, false},
        {{NULL}, {"mlp-2", "--cluster", "toy-1x4", "--theme=mono", NULL}, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct screen s;
        screen_open(&s, 80, 24, cases[i].arguments, cases[i].environment);
        MUST(&s, screen_wait(&s, "optimal", 20));
        MUST(&s, has_colour(&s) == cases[i].colour);
        screen_close(&s);
    }
}

static void without_utf8_only_ascii_is_written(void **state)
{
    static const char *const environment[] = {"LC_ALL=C", NULL};
    struct screen s;
    (void)state;
    screen_open(&s, 80, 24, mlp, environment);
    MUST(&s, screen_wait(&s, "optimal", 20));
    screen_type(&s, "?q\tjjq");
    screen_read(&s, 0.3);
    assert_false(s.beyond_ascii);
    screen_close(&s);
}

static void y_copies_to_the_clipboard(void **state)
{
    struct screen s;
    (void)state;
    open_mlp(&s);
    screen_type(&s, "y");
    MUST(&s, screen_wait(&s, "copied", 5));
    assert_memory_equal(s.osc, "52;c;", 5);
    assert_true(strlen(s.osc) > 9);
    assert_int_equal(strlen(s.osc + 5) % 4, 0);
    screen_close(&s);
}

static void m_asks_for_the_mouse_and_gives_it_back(void **state)
{
    struct screen s;
    (void)state;
    open_mlp(&s);
    assert_false(s.mouse);
    screen_type(&s, "m");
    MUST(&s, screen_wait(&s, "mouse", 5) && s.mouse);
    screen_type(&s, "m");
    MUST(&s, screen_wait(&s, "mouse is off", 5) && !s.mouse);
    screen_type(&s, "m");
    screen_read(&s, 0.2);
    MUST(&s, s.mouse);
    kill(s.child, SIGSEGV);
    assert_int_not_equal(screen_end(&s, 10), -1);
    MUST(&s, screen_restored(&s));
    screen_close(&s);
}

/* Stages from nothing: cut, look, move, step through the timeline, resize under it, leave. */
static void stages_are_cut_and_watched(void **state)
{
    static const char *const gpt[] = {"gpt-125m", "--cluster", "p3.16xlarge", NULL};
    struct screen s;
    (void)state;
    screen_open(&s, 80, 24, gpt, NULL);
    MUST(&s, screen_wait(&s, "optimal", 20));
    screen_type(&s, "jjjc");
    MUST(&s, screen_wait(&s, "cut at layer.6 (pinned)", 20) && screen_has(&s, "stages"));
    screen_type(&s, "3");
    MUST(&s, screen_wait(&s, "where else stage", 20) && screen_has(&s, "in flight"));
    screen_type(&s, ">");
    MUST(&s, screen_wait(&s, "layer.7", 20));
    screen_type(&s, "4");
    MUST(&s, screen_wait(&s, "bubble", 20) && screen_wait(&s, "forward 0", 20));
    screen_type(&s, "l");
    MUST(&s, screen_wait(&s, "send forward 0", 5));
    screen_resize(&s, 1, 1);
    screen_resize(&s, 40, 10);
    MUST(&s, screen_wait(&s, "F0", 5));
    screen_resize(&s, 200, 50);
    MUST(&s, screen_wait(&s, "in flight", 5));
    screen_type(&s, "qq");
    MUST(&s, screen_wait(&s, "save", 5));
    screen_type(&s, "n");
    assert_int_equal(screen_end(&s, 10), 0);
    MUST(&s, screen_restored(&s));
    screen_close(&s);
}

static void without_a_model_samples_are_offered(void **state)
{
    static const char *const none[] = {NULL};
    struct screen s;
    (void)state;
    screen_open(&s, 80, 24, none, NULL);
    MUST(&s, screen_wait(&s, "mlp-2", 20));
    screen_type(&s, "\r");
    MUST(&s, screen_wait(&s, "optimal", 20) && screen_has(&s, "layer.0.fc"));
    screen_type(&s, "q");
    assert_int_equal(screen_end(&s, 10), 0);
    screen_close(&s);
}

static void a_bad_model_never_takes_the_screen(void **state)
{
    static const char *const missing[] = {"no-such-model", NULL};
    struct screen s;
    (void)state;
    screen_open(&s, 80, 24, missing, NULL);
    int status = screen_end(&s, 10);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 2);
    MUST(&s, screen_has(&s, "stagecut: ") && screen_has(&s, "no-such-model"));
    assert_false(s.alternate);
    screen_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_starts_and_q_gives_the_terminal_back),
        cmocka_unit_test(it_asks_before_changes_are_lost),
        cmocka_unit_test(it_follows_the_size_down_to_one_cell_and_back),
        cmocka_unit_test(ctrl_z_suspends_and_fg_comes_back),
        cmocka_unit_test(stopped_from_outside_it_gives_the_terminal_back_too),
        cmocka_unit_test(a_hang_up_saves_the_session_and_ends),
        cmocka_unit_test(sigterm_saves_the_session_and_gives_the_terminal_back),
        cmocka_unit_test(a_crash_gives_the_terminal_back),
        cmocka_unit_test(a_crash_while_suspended_writes_nothing),
        cmocka_unit_test(a_paste_of_a_megabyte_is_survived),
        cmocka_unit_test(every_kind_of_terminal_works),
        cmocka_unit_test(an_unknown_terminal_is_a_clear_error),
        cmocka_unit_test(colours_are_the_users_choice),
        cmocka_unit_test(without_utf8_only_ascii_is_written),
        cmocka_unit_test(y_copies_to_the_clipboard),
        cmocka_unit_test(m_asks_for_the_mouse_and_gives_it_back),
        cmocka_unit_test(stages_are_cut_and_watched),
        cmocka_unit_test(without_a_model_samples_are_offered),
        cmocka_unit_test(a_bad_model_never_takes_the_screen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
