/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Errors and broken invariants.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/base.h"

static void every_status_has_a_name(void **state)
{
    (void)state;
    assert_string_equal(sc_status_name(SC_OK), "OK");
    assert_string_equal(sc_status_name(SC_NO_MEMORY), "NO_MEMORY");
    assert_string_equal(sc_status_message(SC_NOT_FOUND), "not found");
    assert_string_equal(sc_status_name((enum sc_status)(SC_INTERNAL + 1)), "UNKNOWN");
    assert_string_equal(sc_status_message((enum sc_status) - 1), "unknown status");
    for (int s = SC_OK; s <= SC_INTERNAL; s++) {
        assert_true(strlen(sc_status_name((enum sc_status)s)) > 0);
        assert_true(strlen(sc_status_message((enum sc_status)s)) > 0);
    }
}

static void failing_returns_its_status_and_keeps_the_place(void **state)
{
    (void)state;
    assert_int_equal(sc_fail(NULL, SC_IO, "no %s", "ears"), SC_IO);
    struct sc_error err = {.line = 3, .column = 7, .file = "a.json", .path = "ops[1]"};
    assert_int_equal(sc_fail(&err, SC_INPUT, "%d of %s", 2, "both"), SC_INPUT);
    assert_int_equal(err.status, SC_INPUT);
    assert_int_equal(err.line, 3);
    assert_string_equal(err.message, "2 of both");
    /* what went wrong below may be said again */
    sc_fail(&err, SC_LIMIT, "outer: %s", err.message);
    assert_string_equal(err.message, "outer: 2 of both");
}

static void a_long_message_is_cut(void **state)
{
    (void)state;
    struct sc_error err = {0};
    char text[2000];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    sc_fail(&err, SC_INPUT, "%s", text);
    assert_int_equal(strlen(err.message), sizeof err.message - 1);
}

static void formats_what_is_known(void **state)
{
    (void)state;
    char out[200];
    struct sc_error err = {
        .status = SC_INPUT, .line = 3, .column = 7, .file = "a.json", .path = "ops[1]", .message = "m"};
    sc_error_format(&err, out, sizeof out);
    assert_string_equal(out, "a.json:3:7: ops[1]: m");
    err.column = 0;
    sc_error_format(&err, out, sizeof out);
    assert_string_equal(out, "a.json:3: ops[1]: m");
    err.line = 0;
    err.path[0] = '\0';
    sc_error_format(&err, out, sizeof out);
    assert_string_equal(out, "a.json: m");
    err.file[0] = '\0';
    err.line = 4; /* of no file: of no use */
    sc_error_format(&err, out, sizeof out);
    assert_string_equal(out, "m");
    err.message[0] = '\0';
    sc_error_format(&err, out, sizeof out);
    assert_string_equal(out, "bad input");
    sc_error_format(&err, out, 4);
    assert_string_equal(out, "bad");
    out[0] = 'k';
    sc_error_format(&err, out, 0);
    assert_int_equal(out[0], 'k');
}

static void write_mark(void)
{
    if (write(STDERR_FILENO, "[hook]", 6) != 6)
        _exit(3);
}

static void write_mark_and_break(void)
{
    write_mark();
    SC_BUG("the hook itself");
}

/* What a child says on standard error before it dies of SIGABRT. */
static void dies_saying(void (*hook)(void), const char *expected)
{
    int ends[2], status;
    char said[400];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        dup2(ends[1], STDERR_FILENO);
        sc_bug_set_hook(hook);
        sc_bug("file.c", 12, "%d is odd", 4);
    }
    close(ends[1]);
    size_t length = 0;
    for (ssize_t got; length < sizeof said - 1 && (got = read(ends[0], said + length, sizeof said - 1 - length)) > 0;)
        length += (size_t)got;
    said[length] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    assert_non_null(strstr(said, expected));
}

static void a_broken_invariant_runs_the_hook_and_aborts(void **state)
{
    (void)state;
    dies_saying(NULL, "stagecut: broken invariant at file.c:12: 4 is odd\n");
    dies_saying(write_mark, "[hook]stagecut: broken invariant at file.c:12: 4 is odd\n");
    dies_saying(write_mark_and_break, "the hook itself\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_has_a_name),
        cmocka_unit_test(failing_returns_its_status_and_keeps_the_place),
        cmocka_unit_test(a_long_message_is_cut),
        cmocka_unit_test(formats_what_is_known),
        cmocka_unit_test(a_broken_invariant_runs_the_hook_and_aborts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
