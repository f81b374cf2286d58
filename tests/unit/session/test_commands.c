/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The language of a session: verbs, quoting, several commands as one, errors; and what pinning and unpinning by globs
 * mean for each op.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan/plan.h"

static struct sc_session *new_session(const char *pins)
{
    struct sc_settings settings;
    struct sc_session *session;
    sc_settings_init(&settings);
    assert_true(sc_settings_set_model(&settings, "mlp-2"));
    for (char *copy = strdup(pins), *pin = strtok(copy, "\n"); copy; pin = strtok(NULL, "\n")) {
        if (!pin) {
            free(copy);
            break;
        }
        assert_int_equal(sc_settings_set(&settings, "pin", pin, NULL), SC_OK);
    }
    assert_int_equal(sc_session_new(&settings, &session, NULL), SC_OK);
    sc_settings_free(&settings);
    return session;
}

static void assert_option(const struct sc_session *session, const char *name, const char *expected, const char *after)
{
    struct sc_str text = {0};
    sc_option_find(name)->get(sc_session_settings(session), &text);
    if (strcmp(sc_str_text(&text), expected) != 0)
        fail_msg("after '%s', %s is\n%s\nexpected\n%s", after, name, sc_str_text(&text), expected);
    sc_str_free(&text);
}

static void must(struct sc_session *session, const char *command)
{
    struct sc_error err = {0};
    if (sc_session_apply(session, command, &err) != SC_OK)
        fail_msg("'%s': %s", command, err.message);
}

/* ---- pins ---- */

static void pins_change_as_said(void **state)
{
    (void)state;
    static const struct {
        const char *before, *command, *after;
    } cases[] = {
        {"", "pin a b@x", "a=b@x"},
        {"", "pin layer.*.fc1   b@x f@y  ", "layer.*.fc1=b@x f@y"},
        {"", "\tpin\ta\tb@x", "a=b@x"},
        {"", "pin a b@x;pin c f@y", "a=b@x\nc=f@y"},
        {"", ";; pin a b@x ; ; pin c f@y ;", "a=b@x\nc=f@y"},
        {"", "pin \"a b\" \"b@x f@y\"", "a b=b@x f@y"},
        {"", "pin \"a;b\" b@x", "a;b=b@x"},
        {"", "pin \"a\\\"b\\\\[\\x\" b@x", "a\"b\\[\\x=b@x"},
        {"", "pin a\"b b@x", "a\"b=b@x"},
        {"", "pin a\\=b b@x", "a\\=b=b@x"},
        {"a=b@x\nc=b@x", "pin a f@y", "c=b@x\na=f@y"}, /* the same glob: replaced, and last */
        {"a=b@x\na*=f@y\na=s@x", "pin a f@y", "a*=f@y\na=f@y"},
        {"a=b@x", "unpin a", ""},
        {"a=b@x\nb=b@x", "unpin a", "b=b@x"},
        {"*=b@x", "unpin a", "*=b@x\na=free"}, /* one op of a wider pin */
        {"*=b@x\na=f@y", "unpin a", "*=b@x\na=free"},
        {"*=b@x\na=free", "unpin *", ""},
        {"*=b@x\na=free", "pin a f@y", "*=b@x\na=f@y"}, /* a pin again */
        {"*=b@x\na=free\nc=f@y", "unpin c", "*=b@x\na=free\nc=free"},
        {"l.*=b@x\nl.1=free", "pin l.* f@y", "l.*=f@y"}, /* nothing is left for "free" to free */
        {"layer.0.fc1=b@x\nlayer.1.fc1=f@y\nout=b@x", "unpin layer.*", "out=b@x"},
        {"layer.?.fc1=b@x", "unpin layer.*.fc1", ""},
        {"layer.*.fc1=b@x", "unpin layer.?.fc1", "layer.*.fc1=b@x\nlayer.?.fc1=free"}, /* layer.10.fc1 stays */
        {"layer.*.fc1=b@x\nhead.*=b@x", "unpin *.fc1", "head.*=b@x\n*.fc1=free"},      /* head.fc1 might be one */
        {"layer.[01].fc1=b@x", "unpin layer.[01].fc1", ""},
        {"layer.[01].fc1=b@x", "unpin layer.1.fc1", "layer.[01].fc1=b@x\nlayer.1.fc1=free"},
        {"a\\*=b@x\nab=b@x", "unpin a\\*", "ab=b@x"},
        {"a\\*=b@x\nab=b@x", "unpin a?", ""},
        {"a=b@x\nb=b@x", "clear", ""},
        {"a=b@x\nb=b@x\nc=b@x", "unpin a; unpin c", "b=b@x"},
        {"a=b@x", "reset pin", ""},
        {"a=b@x", "set pin c=f@y", "a=b@x\nc=f@y"},
    };
    for (size_t i = 0; i < SC_LEN(cases); i++) {
        struct sc_session *session = new_session(cases[i].before);
        must(session, cases[i].command);
        assert_option(session, "pin", cases[i].after, cases[i].command);
        assert_int_equal(sc_session_undo_depth(session), 1);
        must(session, "undo");
        assert_option(session, "pin", cases[i].before, "undo");
        sc_session_free(session);
    }
}

/* All names of one to three letters. */
enum { NAMES = 3 + 9 + 27 };

static void name_of(int index, char *out)
{
    int length = index < 3 ? 1 : index < 12 ? 2 : 3;
    index -= length == 1 ? 0 : length == 2 ? 3 : 12;
    for (int i = 0; i < length; i++, index /= 3)
        out[i] = "ab*"[index % 3]; /* an op may be named "*" */
    out[length] = '\0';
}

/* The strategy that the last matching pin gives; "" for none. */
static void strategy_now(const struct sc_settings *settings, const char *name, char *out)
{
    *out = '\0';
    for (int i = 0; i < settings->pins.count; i++) {
        char glob[64];
        const char *equals = strrchr(settings->pins.at[i], '=');
        sprintf(glob, "%.*s", (int)(equals - settings->pins.at[i]), settings->pins.at[i]);
        if (sc_glob_match(glob, name))
            strcpy(out, strcmp(equals + 1, "free") == 0 ? "" : equals + 1);
    }
}

static void any_glob(uint64_t *random, char *out)
{
    static const char *const pieces[] = {"a",    "b",   "a",   "b", "*",    "?",    "[ab]",
                                         "[!a]", "\\*", "\\a", "[", "[]a]", "[!]b]"};
    int count = 1 + (int)sc_random_below(random, 4);
    *out = '\0';
    for (int i = 0; i < count; i++)
        strcat(out, pieces[sc_random_below(random, SC_LEN(pieces))]);
}

/* Pins as a list of globs mean the same as a strategy remembered for each op by itself. */
static void pins_mean_what_each_op_remembers(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3000; seed++) {
        uint64_t random = seed;
        char remembered[NAMES][16] = {{0}}, name[8], glob[64], now[64], command[128];
        struct sc_session *session = new_session("");
        for (int i = 0; i < 25; i++) {
            uint64_t kind = sc_random_below(&random, 40);
            bool pin = kind >= 16, all = kind == 0;
            char strategy[16] = "";
            any_glob(&random, glob);
            if (pin)
                sprintf(strategy, "b@%c", "xyz"[sc_random_below(&random, 3)]);
            sprintf(command, "%s %s %s", all ? "clear" : pin ? "pin" : "unpin", all ? "" : glob, strategy);
            enum sc_status status = sc_session_apply(session, command, NULL);
            bool touched = false;
            for (int n = 0; n < NAMES; n++) {
                name_of(n, name);
                if (!all && !sc_glob_match(glob, name))
                    continue;
                touched |= remembered[n][0] != '\0';
                strcpy(remembered[n], strategy);
            }
            if (status != SC_OK) /* only when there is nothing to take back */
                assert_true(status == SC_NOT_FOUND && !pin && !touched);
            for (int n = 0; n < NAMES; n++) {
                name_of(n, name);
                strategy_now(sc_session_settings(session), name, now);
                if (strcmp(now, remembered[n]) != 0)
                    fail_msg("seed %d, after '%s', '%s' has '%s', expected '%s'", (int)seed, command, name, now,
                             remembered[n]);
            }
        }
        if (sc_session_settings(session)->pins.count)
            must(session, "unpin *");
        assert_int_equal(sc_session_settings(session)->pins.count, 0); /* no "free" is left over */
        sc_session_free(session);
    }
}

/* A glob made for a name matches it alone, whatever is in the name. */
static void ops_are_named_exactly(void **state)
{
    (void)state;
    static const char letters[] = "ab.*?[]\\\"; =@!^-\t";
    for (uint64_t seed = 1; seed <= 5000; seed++) {
        uint64_t random = seed;
        char name[16] = "", other[16] = "", now[64];
        size_t length = 1 + sc_random_below(&random, 8), spoilt = sc_random_below(&random, length);
        for (size_t i = 0; i < length; i++)
            name[i] = other[i] = letters[sc_random_below(&random, sizeof letters - 1)];
        other[spoilt] = 'c';
        if (strchr(" \t", name[0]) || strchr(" \t", name[length - 1]))
            continue; /* pins do not keep the blanks around them */
        struct sc_session *session = new_session("");
        struct sc_str command = {0};
        sc_str_add(&command, "pin ");
        sc_session_put_op(&command, name);
        sc_str_add(&command, " b@x f@y");
        must(session, sc_str_text(&command));
        strategy_now(sc_session_settings(session), name, now);
        assert_string_equal(now, "b@x f@y");
        strategy_now(sc_session_settings(session), other, now);
        assert_string_equal(now, "");
        sc_str_free(&command);
        sc_session_free(session);
    }
}

/* ---- options ---- */

static void options_are_set(void **state)
{
    (void)state;
    struct sc_session *session = new_session("");
    must(session, "set memory 12.5");
    assert_option(session, "memory", "12.5", "set memory");
    must(session, "set cluster my hosts.json ; set mesh 2x4");
    assert_option(session, "cluster", "my hosts.json", "set cluster");
    assert_option(session, "mesh", "2x4", "set mesh");
    must(session, "set cluster \"a;b.json\"");
    assert_option(session, "cluster", "a;b.json", "set cluster");
    must(session, "set cluster \"\"");
    assert_option(session, "cluster", "", "set cluster");
    must(session, "set no-compute");
    assert_option(session, "no-compute", "on", "set no-compute");
    must(session, "set no-compute off");
    assert_option(session, "no-compute", "", "set no-compute off");
    must(session, "set set layers=4; set set hidden=8; set set layers=6");
    assert_option(session, "set", "layers=6\nhidden=8", "set set");
    must(session, "pin a b@x");
    must(session, "reset set");
    assert_option(session, "set", "", "reset set");
    must(session, "reset memory");
    assert_option(session, "memory", "", "reset memory");
    assert_option(session, "mesh", "2x4", "reset memory");
    assert_option(session, "pin", "a=b@x", "reset memory");
    assert_string_equal(sc_session_settings(session)->model, "mlp-2");
    must(session, "set max-axes 3");
    must(session, "reset max-axes");
    assert_int_equal(sc_session_settings(session)->max_axes, 2);
    sc_session_free(session);
}

/* ---- refusals ---- */

static void bad_commands_are_explained(void **state)
{
    (void)state;
    static const struct {
        const char *command;
        enum sc_status status;
        const char *says;
    } cases[] = {
        {"", SC_USAGE, "empty"},
        {" ; ;\t", SC_USAGE, "empty"},
        {"pni a b@x", SC_USAGE, "did you mean 'pin'?"},
        {"frobnicate", SC_USAGE, "'frobnicate'"},
        {"pin", SC_USAGE, "pin GLOB STRATEGY"},
        {"pin a", SC_USAGE, "pin GLOB STRATEGY"},
        {"pin a;b@x", SC_USAGE, "pin GLOB STRATEGY"},
        {"pin a=b@x", SC_USAGE, "pin GLOB STRATEGY"},
        {"pin a=b@x f@y", SC_USAGE, "a blank between"},
        {"pin a = b@x", SC_USAGE, "a blank between"},
        {"pin \"\" b@x", SC_USAGE, "GLOB=STRATEGY"},
        {"pin a \"\"", SC_USAGE, "GLOB=STRATEGY"},
        {"pin \"a b@x", SC_USAGE, "closing \""},
        {"pin a \"b@x", SC_USAGE, "closing \""},
        {"pin \"a\"b b@x", SC_USAGE, "followed by 'b b@x'"},
        {"pin a \"b@x\" f@y", SC_USAGE, "pin GLOB STRATEGY"},
        {"pin a b@x\nundo", SC_USAGE, "one line"},
        {"pin a b@x; pni c b@x", SC_USAGE, "pin"},
        {"unpin", SC_USAGE, "unpin GLOB"},
        {"unpin a b", SC_USAGE, "unpin GLOB"},
        {"unpin zebra", SC_NOT_FOUND, "'zebra'"},
        {"unpin layer.*.fc2", SC_NOT_FOUND, "'layer.*.fc2'"},
        {"unpin layer.1.fc1; unpin layer.2.fc2", SC_NOT_FOUND, "'layer.2.fc2'"},
        {"clear; clear", SC_NOT_FOUND, "nothing is pinned"},
        {"clear all", SC_USAGE, "expected clear"},
        {"set", SC_USAGE, "set NAME VALUE"},
        {"set memory", SC_USAGE, "--memory GIB"},
        {"set memory lots", SC_USAGE, "'lots'"},
        {"set memroy 12", SC_USAGE, "did you mean --memory?"},
        {"set hidden=64", SC_USAGE, "set set hidden=64"},
        {"set out file", SC_USAGE, "not of a session"},
        {"set json", SC_USAGE, "not of a session"},
        {"reset", SC_USAGE, "reset NAME"},
        {"reset memory 12", SC_USAGE, "reset NAME"},
        {"reset memroy", SC_USAGE, "did you mean --memory?"},
        {"reset plan", SC_USAGE, "not of a session"},
        {"undo", SC_NOT_FOUND, "nothing to undo"},
        {"redo", SC_NOT_FOUND, "nothing to redo"},
        {"undo 0", SC_USAGE, "from 1 on"},
        {"undo -1", SC_USAGE, "from 1 on"},
        {"undo all", SC_USAGE, "'all'"},
        {"undo 1 2", SC_USAGE, "undo [N]"},
        {"undo 99999999999999999999", SC_USAGE, "from 1 on"},
        {"undo3", SC_USAGE, "did you mean 'undo'?"},
        {"pin a b@x; undo", SC_USAGE, "stands alone"},
        {"undo; redo", SC_USAGE, "stands alone"},
    };
    for (size_t i = 0; i < SC_LEN(cases); i++) {
        struct sc_session *session = new_session("layer.*.fc1=b@x");
        struct sc_error err = {0};
        uint64_t hash = sc_session_hash(session), revision = sc_session_revision(session);
        enum sc_status status = sc_session_apply(session, cases[i].command, &err);
        if (status != cases[i].status || err.status != status || !strstr(err.message, cases[i].says))
            fail_msg("'%s': %s: %s", cases[i].command, sc_status_name(status), err.message);
        assert_int_equal(sc_session_apply(session, cases[i].command, NULL), status);
        assert_true(hash == sc_session_hash(session) && revision == sc_session_revision(session));
        assert_int_equal(sc_session_undo_depth(session) + sc_session_redo_depth(session), 0);
        assert_false(sc_session_dirty(session));
        sc_session_free(session);
    }
}

/* Whatever is typed, there is an answer, and undo leads back. */
static void noise_is_survived(void **state)
{
    (void)state;
    static const char *const pieces[] = {"pin", "unpin", "set",     "reset", "undo", "redo",    "clear",    " ",
                                         " ",   " ",     ";",       "\"",    "\\",   "*",       "?",        "[",
                                         "]",   "=",     "a",       "b@x",   "2",    "memory",  "mesh",     "free",
                                         "\t",  "-",     "cluster", "\x01",  "\xff", "set x=1", "pin a b@x"};
    for (uint64_t seed = 1; seed <= 2000; seed++) {
        uint64_t random = seed;
        struct sc_session *session = new_session("a*=b@x");
        uint64_t hash = sc_session_hash(session);
        for (int i = 0; i < 20; i++) {
            char command[256] = "";
            struct sc_error err = {0};
            for (uint64_t n = sc_random_below(&random, 12); n > 0; n--)
                strcat(command, pieces[sc_random_below(&random, SC_LEN(pieces))]);
            if (sc_session_apply(session, command, &err) != SC_OK)
                assert_true(err.message[0] != '\0');
        }
        if (sc_session_undo_depth(session))
            must(session, "undo 1000");
        assert_true(hash == sc_session_hash(session));
        sc_session_free(session);
    }
}

static void verbs_are_listed(void **state)
{
    (void)state;
    static const char *const names[] = {"pin", "unpin", "cut",   "nocut", "uncut", "stage",
                                        "set", "reset", "clear", "undo",  "redo"};
    const struct sc_verb *verb;
    size_t count = 0;
    for (; (verb = sc_session_verb_at(count)); count++) {
        bool known = false;
        for (size_t i = 0; i < SC_LEN(names); i++)
            known |= strcmp(names[i], verb->name) == 0;
        assert_true(known && verb->arguments && strlen(verb->help) > 0);
    }
    assert_int_equal(count, SC_LEN(names));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verbs_are_listed),
        cmocka_unit_test(pins_change_as_said),
        cmocka_unit_test(pins_mean_what_each_op_remembers),
        cmocka_unit_test(ops_are_named_exactly),
        cmocka_unit_test(options_are_set),
        cmocka_unit_test(bad_commands_are_explained),
        cmocka_unit_test(noise_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
