/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Whole files in and out.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <zlib.h>

#include "base/base.h"
#include "support/faults.h"
#include "support/files.h"

static void must_hold(const char *path, const char *expected, size_t size)
{
    char *text = NULL;
    size_t got = 0;
    struct sc_error err = {0};
    if (sc_file_read(path, 1 << 26, &text, &got, &err) != SC_OK)
        fail_msg("%s", err.message);
    assert_int_equal(got, size);
    assert_memory_equal(text, expected, size);
    assert_int_equal(text[size], 0);
    sc_free(text);
}

static void must_fail(const char *path, size_t limit, enum sc_status expected, const char *message)
{
    char *text = NULL;
    size_t size = 0;
    struct sc_error err = {0};
    assert_int_equal(sc_file_read(path, limit, &text, &size, &err), expected);
    assert_int_equal(err.status, expected);
    assert_string_equal(err.file, strcmp(path, "-") == 0 ? "standard input" : path);
    if (!strstr(err.message, message))
        fail_msg("'%s' does not say '%s'", err.message, message);
    assert_null(text);
    assert_int_equal(sc_file_read(path, limit, &text, &size, NULL), expected);
}

static void write_file(const char *name, const void *data, size_t size)
{
    files_write(name, data, size);
}

static void reads_what_was_written(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 65534, 65535, 65536, 65537, 131071, 1000000};
    char *data = malloc(1000000);
    uint64_t seed = 5;
    for (size_t i = 0; i < 1000000; i++)
        data[i] = (char)sc_random(&seed);
    for (size_t i = 0; i < SC_LEN(sizes); i++) {
        assert_int_equal(sc_file_write(files_path("a"), data, sizes[i], NULL), SC_OK);
        must_hold(files_path("a"), data, sizes[i]);
    }
    assert_int_equal(files_count(), 1);
    free(data);
}

static void reads_gzip(void **state)
{
    (void)state;
    char path[512];
    snprintf(path, sizeof path, "%s", files_path("a.gz"));
    gzFile out = gzopen(path, "wb");
    for (int i = 0; i < 100000; i++)
        gzputs(out, "0123456789");
    gzclose(out);
    char *text, *packed;
    size_t size, packed_size;
    FILE *file = fopen(path, "rb");
    packed = malloc(100000);
    packed_size = fread(packed, 1, 100000, file);
    fclose(file);
    assert_true(packed_size < 20000);
    assert_int_equal(sc_file_read(path, 1000000, &text, &size, NULL), SC_OK);
    assert_int_equal(size, 1000000);
    assert_memory_equal(text + 999990, "0123456789", 11);
    sc_free(text);
    must_fail(path, 999999, SC_LIMIT, "larger than the 999999 bytes"); /* unpacked, not packed */
    write_file("cut.gz", packed, packed_size - 9);
    must_fail(files_path("cut.gz"), 1 << 26, SC_INPUT, "ends too early");
    packed[packed_size - 5] ^= 0x55; /* of the checksum */
    write_file("bad.gz", packed, packed_size);
    must_fail(files_path("bad.gz"), 1 << 26, SC_INPUT, "damaged gzip data");
    free(packed);
}

static void says_why_it_cannot_read(void **state)
{
    (void)state;
    char path[512];
    snprintf(path, sizeof path, "%s", files_path("none"));
    must_fail(path, 10, SC_IO, "cannot open: No such file");
    snprintf(path, sizeof path, "%s", files_path("."));
    must_fail(path, 10, SC_IO, "cannot read: Is a directory");
    must_fail("", 10, SC_IO, "cannot open");
    write_file("eleven", "12345678901", 11);
    snprintf(path, sizeof path, "%s", files_path("eleven"));
    must_fail(path, 10, SC_LIMIT, "larger than the 10 bytes");
    must_hold(path, "12345678901", 11);
    must_fail("/dev/zero", 1 << 20, SC_LIMIT, "larger than");
}

static void reads_standard_input(void **state)
{
    (void)state;
    int saved = dup(STDIN_FILENO), ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "piped", 5), 5);
    close(ends[1]);
    dup2(ends[0], STDIN_FILENO);
    close(ends[0]);
    must_hold("-", "piped", 5);
    close(STDIN_FILENO);
    must_fail("-", 10, SC_IO, "cannot open");
    dup2(saved, STDIN_FILENO);
    close(saved);
}

static mode_t mode_of(const char *path)
{
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    return info.st_mode & 07777;
}

static void new_files_mind_the_mask_and_old_ones_keep_their_mode(void **state)
{
    (void)state;
    char path[512];
    mode_t old = umask(027);
    snprintf(path, sizeof path, "%s", files_path("mode"));
    assert_int_equal(sc_file_write(path, "1", 1, NULL), SC_OK);
    assert_int_equal(mode_of(path), 0640);
    assert_int_equal(chmod(path, 0604), 0);
    assert_int_equal(sc_file_write(path, "22", 2, NULL), SC_OK);
    assert_int_equal(mode_of(path), 0604);
    must_hold(path, "22", 2);
    assert_int_equal(umask(old), 027); /* nobody else's mask was changed */
}

static void a_link_stays_a_link(void **state)
{
    (void)state;
    char link[512], target[512];
    struct stat info;
    snprintf(target, sizeof target, "%s", files_path("target"));
    snprintf(link, sizeof link, "%s", files_path("link"));
    write_file("target", "old", 3);
    assert_int_equal(symlink("target", link), 0);
    assert_int_equal(sc_file_write(link, "new", 3, NULL), SC_OK);
    must_hold(target, "new", 3);
    assert_int_equal(lstat(link, &info), 0);
    assert_true(S_ISLNK(info.st_mode));
}

static void the_old_file_is_whole_until_the_new_one_is(void **state)
{
    (void)state;
    char path[512];
    snprintf(path, sizeof path, "%s", files_path("whole"));
    int before = files_count();
    write_file("whole", "old", 3);
    int fd = open(path, O_RDONLY);
    assert_int_equal(sc_file_write(path, "newer", 5, NULL), SC_OK);
    char text[8];
    assert_int_equal(read(fd, text, sizeof text), 3); /* who has it open still reads the old one */
    assert_memory_equal(text, "old", 3);
    close(fd);
    /* A disk that is full: a limit of the file size makes write fail. */
    struct rlimit limit, small = {100, 100};
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    small.rlim_max = limit.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    struct sc_error err = {0};
    static const char big[200];
    enum sc_status status = sc_file_write(path, big, sizeof big, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_int_equal(status, SC_IO);
    assert_string_equal(err.file, path);
    assert_string_equal(err.message, "cannot write: File too large");
    must_hold(path, "newer", 5);
    assert_int_equal(files_count(), before + 1); /* no leavings */
    faults_begin();
    faults_after(0);
    status = sc_file_write(path, big, sizeof big, &err);
    faults_end();
    assert_int_equal(status, SC_NO_MEMORY);
    must_hold(path, "newer", 5);
    assert_int_equal(files_count(), before + 1);
}

static void says_why_it_cannot_write(void **state)
{
    (void)state;
    struct sc_error err = {0};
    char path[600];
    snprintf(path, sizeof path, "%s", files_path("no/such/folder"));
    assert_int_equal(sc_file_write(path, "x", 1, &err), SC_IO);
    assert_string_equal(err.message, "cannot write: No such file or directory");
    assert_string_equal(err.file, path);
    snprintf(path, sizeof path, "%s", files_path("."));
    assert_int_equal(sc_file_write(path, "x", 1, &err), SC_IO);
    assert_string_equal(err.message, "cannot write: Is a directory");
    assert_int_equal(sc_file_write("/dev/full", "x", 1, &err), SC_IO);
    assert_string_equal(err.message, "cannot write: No space left on device");
    assert_int_equal(sc_file_write("/dev/null", "x", 1, NULL), SC_OK);
    assert_true(sc_file_exists("/dev/null"));
    snprintf(path, sizeof path, "%s", files_path(""));
    memset(path + strlen(path), 'n', 255); /* the longest name there is */
    path[strlen(files_path("")) + 255] = '\0';
    assert_int_equal(sc_file_write(path, "x", 1, &err), SC_OK);
    must_hold(path, "x", 1);
}

static void writes_to_a_pipe_and_to_standard_output(void **state)
{
    (void)state;
    int ends[2], saved = dup(STDOUT_FILENO);
    char text[16], name[64];
    assert_int_equal(pipe(ends), 0);
    snprintf(name, sizeof name, "/dev/fd/%d", ends[1]);
    assert_int_equal(sc_file_write(name, "to the pipe", 11, NULL), SC_OK);
    assert_int_equal(read(ends[0], text, sizeof text), 11);
    fflush(stdout);
    dup2(ends[1], STDOUT_FILENO);
    fputs("first ", stdout); /* what stdio holds comes before */
    enum sc_status status = sc_file_write("-", "then", 4, NULL);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    close(ends[1]);
    assert_int_equal(status, SC_OK);
    assert_int_equal(read(ends[0], text, sizeof text), 10);
    assert_memory_equal(text, "first then", 10);
    close(ends[0]);
}

static void knows_what_exists(void **state)
{
    (void)state;
    assert_false(sc_file_exists(files_path("nowhere")));
    assert_true(sc_file_exists(files_path(".")));
    assert_true(sc_file_exists(files_write("here", "", 0)));
}

static void reading_survives_lack_of_memory(void **state)
{
    (void)state;
    static char big[300000];
    memset(big, 'b', sizeof big);
    write_file("big", big, sizeof big);
    faults_begin();
    int n = 0;
    for (bool done = false; !done; n++) {
        char *text = NULL;
        size_t size;
        struct sc_error err = {0};
        faults_after(n);
        enum sc_status status = sc_file_read(files_path("big"), 1 << 20, &text, &size, &err);
        done = !faults_hit();
        assert_int_equal(status, done ? SC_OK : SC_NO_MEMORY);
        sc_free(text);
    }
    faults_end();
    assert_true(n > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_was_written),
        cmocka_unit_test(reads_gzip),
        cmocka_unit_test(says_why_it_cannot_read),
        cmocka_unit_test(reads_standard_input),
        cmocka_unit_test(new_files_mind_the_mask_and_old_ones_keep_their_mode),
        cmocka_unit_test(a_link_stays_a_link),
        cmocka_unit_test(the_old_file_is_whole_until_the_new_one_is),
        cmocka_unit_test(says_why_it_cannot_write),
        cmocka_unit_test(writes_to_a_pipe_and_to_standard_output),
        cmocka_unit_test(knows_what_exists),
        cmocka_unit_test(reading_survives_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, files_setup, files_teardown);
}
