/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Sessions as logs: undo and redo lead to the same states as before, files bring the same state back, and nothing is
 * half done when memory, disk or file fail.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plan/plan.h"
#include "support/faults.h"

/* ---- helpers ---- */

static char folder[] = "/tmp/stagecut-session-XXXXXX";
static char path[64];

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/session.json", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder); /* fails when a temporary file was left behind */
}

static struct sc_session *new_session(void)
{
    struct sc_settings settings;
    struct sc_session *session;
    sc_settings_init(&settings);
    assert_true(sc_settings_set_model(&settings, "gpt \"quoted\".json"));
    assert_int_equal(sc_settings_set(&settings, "memory", "16", NULL), SC_OK);
    assert_int_equal(sc_settings_set(&settings, "pin", "head=b@x", NULL), SC_OK);
    assert_int_equal(sc_session_new(&settings, &session, NULL), SC_OK);
    sc_settings_free(&settings);
    return session;
}

static void must(struct sc_session *session, const char *command)
{
    struct sc_error err = {0};
    if (sc_session_apply(session, command, &err) != SC_OK)
        fail_msg("'%s': %s", command, err.message);
}

/* A command that mostly succeeds. */
static void any_command(uint64_t *random, char *out)
{
    static const char *const strategies[] = {"b@x", "b@x f@y", "f@xy", "free"};
    static const char *const globs[] = {"layer.%d.fc1", "layer.%d.*", "*.%d.fc1", "layer.?%d.fc2", "out%d"};
    char glob[32];
    int number = (int)sc_random_below(random, 12);
    snprintf(glob, sizeof glob, globs[sc_random_below(random, SC_LEN(globs))], number);
    switch (sc_random_below(random, 9)) {
    case 0:
        sprintf(out, "unpin %s", glob);
        break;
    case 1:
        sprintf(out, "set memory %d.%d", number + 1, number);
        break;
    case 2:
        sprintf(out, "set set p%d=%d", number % 4, number);
        break;
    case 3:
        sprintf(out, "reset %s", number % 3 ? "set" : "memory");
        break;
    case 4:
        sprintf(out, "pin %s b@x; set cluster \"c;%d\" ; unpin %s", glob, number, number % 3 ? glob : "zebra");
        break;
    case 5:
        sprintf(out, number ? "set no-compute" : "clear");
        break;
    default:
        sprintf(out, "pin %s %s", glob, strategies[sc_random_below(random, SC_LEN(strategies))]);
    }
}

/* ---- undo and redo ---- */

/* Any walk along the log meets the states it met before. */
static void walks_meet_the_same_states(void **state)
{
    (void)state;
    enum { COMMANDS = 150 };
    for (uint64_t seed = 1; seed <= 60; seed++) {
        uint64_t random = seed, hashes[COMMANDS + 1];
        char texts[COMMANDS + 1][128], command[128];
        struct sc_session *session = new_session();
        int position = 0, count = 0;
        hashes[0] = sc_session_hash(session);
        for (int i = 0; i < COMMANDS; i++) {
            uint64_t revision = sc_session_revision(session), before = sc_session_hash(session);
            int64_t n = 1 + (int64_t)sc_random_below(&random, sc_random_below(&random, 10) ? 3 : 200);
            uint64_t kind = sc_random_below(&random, 10);
            enum sc_status status;
            if (kind < 2) {
                sprintf(command, n == 1 ? "undo" : "undo %d", (int)n);
                status = sc_session_apply(session, command, NULL);
                assert_int_equal(status, position ? SC_OK : SC_NOT_FOUND);
                position = n > position ? 0 : position - (int)n;
            } else if (kind < 4) {
                sprintf(command, n == 1 ? "redo" : "redo %d", (int)n);
                status = sc_session_apply(session, command, NULL);
                assert_int_equal(status, position < count ? SC_OK : SC_NOT_FOUND);
                position = position + n > count ? count : position + (int)n;
            } else {
                any_command(&random, command);
                status = sc_session_apply(session, command, NULL);
                if (status == SC_OK && sc_session_hash(session) != before) {
                    strcpy(texts[position++], command);
                    count = position;
                    hashes[position] = sc_session_hash(session);
                }
            }
            assert_true(sc_session_hash(session) == hashes[position]);
            assert_int_equal(sc_session_undo_depth(session), position);
            assert_int_equal(sc_session_redo_depth(session), count - position);
            assert_true((sc_session_hash(session) == before) || sc_session_revision(session) > revision);
            assert_true(status == SC_OK || sc_session_revision(session) == revision);
            if (position)
                assert_string_equal(sc_session_undo_text(session), texts[position - 1]);
            else
                assert_null(sc_session_undo_text(session));
            assert_int_equal(sc_session_dirty(session), hashes[position] != hashes[0]);
        }
        for (; position > 0; position--) {
            assert_true(sc_session_hash(session) == hashes[position]);
            must(session, "undo");
        }
        assert_true(sc_session_hash(session) == hashes[0]);
        for (; position < count; position++) {
            must(session, "redo");
            assert_true(sc_session_hash(session) == hashes[position + 1]);
        }
        sc_session_free(session);
    }
}

/* Thousands of steps: what is held grows with the steps and not with their product, and an undo, of one step or of
 * many, is a bounded piece of work. Counted in allocations, so that a slow machine does not matter. */
static void thousands_of_steps_are_cheap(void **state)
{
    (void)state;
    enum { STEPS = 4000, PINS = 400 };
    static uint64_t hashes[STEPS + 1];
    char command[64];
    faults_begin();
    struct sc_session *session = new_session();
    double started = sc_now(), slowest = 0;
    for (int i = 0; i < STEPS; i++) {
        hashes[i] = sc_session_hash(session);
        sprintf(command, "pin op%d b@%s", i % PINS, i / PINS % 2 ? "x" : "y");
        must(session, command);
    }
    hashes[STEPS] = sc_session_hash(session);
    assert_int_equal(sc_session_undo_depth(session), STEPS);
    assert_true(faults_held() < 4 * STEPS);
    for (int i = STEPS; i > 0; i -= 37) {
        double before = sc_now();
        faults_after(-1);
        must(session, i > 37 ? "undo 37" : "undo 1000000");
        assert_true(faults_count() < 20 * PINS);
        slowest = sc_now() - before > slowest ? sc_now() - before : slowest;
        assert_true(sc_session_hash(session) == hashes[i > 37 ? i - 37 : 0]);
    }
    assert_int_equal(sc_session_undo_depth(session), 0);
    must(session, "redo 4000");
    assert_true(sc_session_hash(session) == hashes[STEPS]);
    print_message("%d steps, %d pins: %.2f s in all, slowest undo %.1f ms\n", STEPS, PINS, sc_now() - started,
                  1e3 * slowest);
    sc_session_free(session);
    assert_int_equal(faults_held(), 0);
    faults_end();
}

/* What changes nothing is no step, and keeps what can be redone. */
static void no_change_is_no_step(void **state)
{
    (void)state;
    struct sc_session *session = new_session();
    must(session, "pin a b@x");
    must(session, "pin b b@x");
    must(session, "undo");
    uint64_t revision = sc_session_revision(session);
    must(session, "pin a b@x");
    must(session, "set memory 16");
    must(session, "set mesh 2x4; reset mesh");
    must(session, "pin nothing free");
    assert_true(sc_session_revision(session) == revision);
    assert_int_equal(sc_session_undo_depth(session), 1);
    assert_int_equal(sc_session_redo_depth(session), 1);
    must(session, "pin c b@x");
    assert_int_equal(sc_session_redo_depth(session), 0);
    sc_session_free(session);
}

static void a_session_owns_its_settings(void **state)
{
    (void)state;
    struct sc_settings settings;
    struct sc_session *session;
    sc_settings_init(&settings);
    assert_true(sc_settings_set_model(&settings, "mlp-2"));
    assert_int_equal(sc_session_new(&settings, &session, NULL), SC_OK);
    sc_settings_free(&settings);
    assert_string_equal(sc_session_settings(session)->model, "mlp-2");
    sc_session_free(session);
    sc_session_free(NULL);
}

/* ---- files ---- */

static struct sc_session *load(void)
{
    struct sc_session *session = NULL;
    struct sc_error err = {0};
    char text[2048];
    if (sc_session_load(path, &session, &err) != SC_OK) {
        sc_error_format(&err, text, sizeof text);
        fail_msg("%s", text);
    }
    return session;
}

static void files_bring_the_state_back(void **state)
{
    (void)state;
    char command[128];
    for (uint64_t seed = 1; seed <= 60; seed++) {
        uint64_t random = seed;
        struct sc_session *session = new_session();
        int count = (int)sc_random_below(&random, 120);
        for (int i = 0; i < count; i++) {
            any_command(&random, command);
            sc_session_apply(session, command, NULL);
        }
        sprintf(command, "undo %d", 1 + (int)sc_random_below(&random, 150));
        if (sc_random_below(&random, 3))
            sc_session_apply(session, command, NULL);
        assert_int_equal(sc_session_save(session, path, NULL), SC_OK);
        assert_false(sc_session_dirty(session));
        struct sc_session *other = load();
        assert_false(sc_session_dirty(other));
        assert_string_equal(sc_session_settings(other)->model, sc_session_settings(session)->model);
        /* Side by side, to the beginning and to the end. */
        for (int way = 0; way < 2; way++)
            for (bool more = true; more;) {
                assert_true(sc_session_hash(session) == sc_session_hash(other));
                assert_int_equal(sc_session_undo_depth(session), sc_session_undo_depth(other));
                assert_int_equal(sc_session_redo_depth(session), sc_session_redo_depth(other));
                more = sc_session_apply(session, way ? "redo" : "undo", NULL) == SC_OK;
                assert_int_equal(sc_session_apply(other, way ? "redo" : "undo", NULL) == SC_OK, more);
            }
        sc_session_free(session);
        sc_session_free(other);
    }
}

static void dirty_means_other_than_saved(void **state)
{
    (void)state;
    struct sc_session *session = new_session();
    assert_false(sc_session_dirty(session));
    must(session, "pin a b@x");
    assert_true(sc_session_dirty(session));
    assert_int_equal(sc_session_save(session, path, NULL), SC_OK);
    assert_false(sc_session_dirty(session));
    must(session, "undo");
    assert_true(sc_session_dirty(session));
    must(session, "redo");
    assert_false(sc_session_dirty(session));
    sc_session_free(session);
}

static void write_file(const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

/* A session without a model, and one written by hand with steps that change nothing. */
static void odd_files_are_read(void **state)
{
    (void)state;
    struct sc_settings settings;
    struct sc_session *session;
    sc_settings_init(&settings);
    assert_int_equal(sc_session_new(&settings, &session, NULL), SC_OK);
    assert_int_equal(sc_session_save(session, path, NULL), SC_OK);
    sc_session_free(session);
    session = load();
    assert_null(sc_session_settings(session)->model);
    sc_session_free(session);
    write_file("{\"position\": 3, \"log\": [\"set memory 8\", \"set memory 8\", \"pin a b@x\", \"clear\"],\n"
               " \"settings\": {\"model\": \"m\", \"pin\": \"z=b@x\", \"set\": [\"q=1\"]}, \"kind\": \"session\", "
               "\"stagecut\": 1}");
    session = load();
    assert_int_equal(sc_session_undo_depth(session), 3);
    assert_int_equal(sc_session_redo_depth(session), 1);
    assert_int_equal(sc_session_settings(session)->pins.count, 2);
    assert_int_equal(sc_session_settings(session)->sets.count, 1);
    sc_session_free(session);
}

static void bad_files_are_refused(void **state)
{
    (void)state;
#define HEAD  "{\"stagecut\": 1, \"kind\": \"session\", "
#define EMPTY "\"settings\": {}, \"log\": [], \"position\": 0"
    static const struct {
        const char *text, *says, *where;
    } cases[] = {
        {"", "", ""},
        {"{", "", ""},
        {"[]", "", ""},
        {"null", "", ""},
        {"{}", "stagecut", ""},
        {"{\"stagecut\": 2, \"kind\": \"session\", " EMPTY "}", "newer", "stagecut"},
        {"{\"stagecut\": \"1\", \"kind\": \"session\", " EMPTY "}", "", "stagecut"},
        {"{\"stagecut\": 1, " EMPTY "}", "kind", ""},
        {"{\"stagecut\": 1, \"kind\": \"plan\", " EMPTY "}", "expected \"session\"", "kind"},
        {"{\"stagecut\": 1, \"kind\": 7, " EMPTY "}", "", "kind"},
        {HEAD EMPTY ", \"logs\": []}", "log", "logs"},
        {HEAD "\"settings\": {}, \"position\": 0}", "log", ""},
        {HEAD "\"settings\": {}, \"log\": []}", "position", ""},
        {HEAD "\"log\": [], \"position\": 0}", "settings", ""},
        {HEAD "\"settings\": [], \"log\": [], \"position\": 0}", "", "settings"},
        {HEAD "\"settings\": {}, \"log\": {}, \"position\": 0}", "", "log"},
        {HEAD "\"settings\": {}, \"log\": [], \"position\": 1}", "", "position"},
        {HEAD "\"settings\": {}, \"log\": [], \"position\": -1}", "", "position"},
        {HEAD "\"settings\": {}, \"log\": [], \"position\": 0.5}", "", "position"},
        {HEAD "\"settings\": {}, \"log\": [], \"position\": \"0\"}", "", "position"},
        {HEAD "\"settings\": {\"model\": 7}, \"log\": [], \"position\": 0}", "a number", "settings.model"},
        {HEAD "\"settings\": {\"model\": null}, \"log\": [], \"position\": 0}", "null", "settings.model"},
        {HEAD "\"settings\": {\"memory\": 7}, \"log\": [], \"position\": 0}", "a string", "settings.memory"},
        {HEAD "\"settings\": {\"memory\": \"lots\"}, \"log\": [], \"position\": 0}", "'lots'", "settings.memory"},
        {HEAD "\"settings\": {\"memory\": [\"7\"]}, \"log\": [], \"position\": 0}", "a string", "settings.memory"},
        {HEAD "\"settings\": {\"memroy\": \"7\"}, \"log\": [], \"position\": 0}", "--memory?", "settings.memroy"},
        {HEAD "\"settings\": {\"out\": \"x\"}, \"log\": [], \"position\": 0}", "of one run", "settings.out"},
        {HEAD "\"settings\": {\"pin\": [[\"a=b\"]]}, \"log\": [], \"position\": 0}", "a string", "settings.pin[0]"},
        {HEAD "\"settings\": {\"pin\": [\"a=b\", \"c\"]}, \"log\": [], \"position\": 0}", "GLOB=STRATEGY",
         "settings.pin[1]"},
        {HEAD "\"settings\": {}, \"log\": [7], \"position\": 0}", "a number", "log[0]"},
        {HEAD "\"settings\": {}, \"log\": [\"\"], \"position\": 0}", "empty", "log[0]"},
        {HEAD "\"settings\": {}, \"log\": [\"pin a b@x\", \"pni a\"], \"position\": 0}", "'pin'", "log[1]"},
        {HEAD "\"settings\": {}, \"log\": [\"pin a b@x\", \"undo\"], \"position\": 0}", "undo", "log[1]"},
        {HEAD "\"settings\": {}, \"log\": [\"unpin a\"], \"position\": 0}", "'a'", "log[0]"},
        {HEAD "\"settings\": {}, \"log\": [\"set out x\"], \"position\": 0}", "session", "log[0]"},
        {HEAD "\"settings\": {}, \"log\": [\"pin a b\\nclear\"], \"position\": 0}", "one line", "log[0]"},
        {HEAD "\"settings\": {}, \"log\": [\"pin a b\\u0000\"], \"position\": 0}", "", ""},
        {HEAD EMPTY ", \"position\": 0}", "", ""},
        {HEAD EMPTY "} x", "", ""},
    };
    for (size_t i = 0; i < SC_LEN(cases); i++) {
        struct sc_session *session = NULL;
        struct sc_error err = {0};
        write_file(cases[i].text);
        if (sc_session_load(path, &session, &err) != SC_INPUT || session)
            fail_msg("accepted: %s", cases[i].text);
        if (!strstr(err.message, cases[i].says) || !strstr(err.path, cases[i].where) || !err.message[0] ||
            strcmp(err.file, path) != 0)
            fail_msg("%s\nsays %s: %s: %s", cases[i].text, err.file, err.path, err.message);
    }
    struct sc_session *session = NULL;
    struct sc_error err = {0};
    unlink(path);
    assert_int_equal(sc_session_load(path, &session, &err), SC_IO);
    assert_null(session);
}

/* A save that cannot be done leaves the old file, no other file, and a session that is still dirty. */
static void saves_are_atomic(void **state)
{
    (void)state;
    char nowhere[96];
    struct sc_session *session = new_session();
    struct sc_error err = {0};
    must(session, "pin a b@x");
    snprintf(nowhere, sizeof nowhere, "%s/none/session.json", folder);
    assert_int_equal(sc_session_save(session, nowhere, &err), SC_IO);
    assert_true(sc_session_dirty(session));
    assert_int_equal(sc_session_save(session, path, NULL), SC_OK);
    struct stat before, after;
    assert_int_equal(stat(path, &before), 0);
    must(session, "pin b b@x");
    assert_int_equal(sc_session_save(session, path, NULL), SC_OK);
    assert_int_equal(stat(path, &after), 0);
    assert_true(before.st_ino != after.st_ino); /* a new file took its place */
    sc_session_free(session);
}

/* The schema names the options and choices of the table. */
static void schema_agrees(void **state)
{
    (void)state;
    struct sc_json_doc *doc;
    const struct sc_option *option;
    assert_int_equal(sc_json_load(TEST_SOURCE_DIR "/samples/schema/session.schema.json", &doc, NULL), SC_OK);
    const struct sc_json *settings =
        sc_json_get(sc_json_get(sc_json_get(sc_json_root(doc), "properties"), "settings"), "properties");
    size_t saved = 0;
    for (size_t i = 0; (option = sc_option_at(i)); i++) {
        const struct sc_json *property = sc_json_get(settings, option->name);
        struct sc_str choices = {0};
        if ((property != NULL) != option->saved)
            fail_msg("%s is %s the schema", option->name, property ? "in" : "not in");
        saved += option->saved;
        const struct sc_json *values = sc_json_get(property, "enum");
        for (const struct sc_json *v = values ? sc_json_first(values) : NULL; v; v = sc_json_next(v))
            sc_str_addf(&choices, "%s%s", choices.length ? "|" : "", sc_json_string(v));
        if (values)
            assert_string_equal(sc_str_text(&choices), option->choices);
        else
            assert_true(!option->saved || !option->choices || !option->argument);
        sc_str_free(&choices);
    }
    assert_int_equal(sc_json_count(settings), saved + 1); /* and the model */
    sc_json_doc_free(doc);
}

/* ---- lack of memory ---- */

/* Fail each allocation of each command in turn: an error, and nothing changed. */
static void lack_of_memory_changes_nothing(void **state)
{
    (void)state;
    static const char *const commands[] = {
        "pin a b@x",
        "pin layer.* f@y; pin a b@x f@y",
        "unpin layer.3",
        "set set n=4",
        "set cluster \"a b\"",
        "reset memory",
        "undo 3",
        "redo 2",
        "pin c free",
        "unpin *; set memory 4",
        "undo",
        "clear",
    };
    char command[64];
    faults_begin();
    struct sc_session *session = new_session();
    for (int i = 0; i < 70; i++) { /* enough for images */
        sprintf(command, "pin op%d b@x", i % 3);
        must(session, command);
    }
    for (size_t i = 0; i < SC_LEN(commands); i++)
        for (int n = 0;; n++) {
            struct sc_error err = {0};
            uint64_t hash = sc_session_hash(session), revision = sc_session_revision(session);
            int undo = sc_session_undo_depth(session), redo = sc_session_redo_depth(session);
            faults_after(n);
            enum sc_status status = sc_session_apply(session, commands[i], &err);
            bool hit = faults_hit();
            faults_after(-1);
            if (!hit) {
                if (status != SC_OK)
                    fail_msg("'%s': %s", commands[i], err.message);
                break;
            }
            assert_true(n < 100000);
            if (status == SC_OK) /* it could do without */
                fail_msg("'%s' succeeds though allocation %d fails", commands[i], n);
            assert_int_equal(status, SC_NO_MEMORY);
            assert_true(hash == sc_session_hash(session) && revision == sc_session_revision(session));
            assert_int_equal(undo, sc_session_undo_depth(session));
            assert_int_equal(redo, sc_session_redo_depth(session));
        }
    sc_session_free(session);
    faults_end();
}

static void files_survive_lack_of_memory(void **state)
{
    (void)state;
    faults_begin();
    struct sc_session *session = new_session();
    must(session, "pin a b@x; set memory 4");
    must(session, "set set n=4");
    must(session, "undo");
    for (int n = 0, hit = 1; hit; n++) {
        faults_after(n);
        enum sc_status status = sc_session_save(session, path, NULL);
        hit = faults_hit();
        faults_after(-1);
        assert_int_equal(status, hit ? SC_NO_MEMORY : SC_OK);
        assert_int_equal(sc_session_dirty(session), hit); /* it was never saved before */
    }
    for (int n = 0, hit = 1; hit; n++) {
        struct sc_session *other = NULL;
        faults_after(n);
        enum sc_status status = sc_session_load(path, &other, NULL);
        hit = faults_hit();
        faults_after(-1);
        assert_int_equal(status, hit ? SC_NO_MEMORY : SC_OK);
        assert_true(hit ? !other : sc_session_hash(other) == sc_session_hash(session));
        sc_session_free(other);
    }
    sc_session_free(session);
    faults_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_owns_its_settings),
        cmocka_unit_test(no_change_is_no_step),
        cmocka_unit_test(walks_meet_the_same_states),
        cmocka_unit_test(thousands_of_steps_are_cheap),
        cmocka_unit_test(dirty_means_other_than_saved),
        cmocka_unit_test(files_bring_the_state_back),
        cmocka_unit_test(odd_files_are_read),
        cmocka_unit_test(bad_files_are_refused),
        cmocka_unit_test(saves_are_atomic),
        cmocka_unit_test(schema_agrees),
        cmocka_unit_test(lack_of_memory_changes_nothing),
        cmocka_unit_test(files_survive_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
