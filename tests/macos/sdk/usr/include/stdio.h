/* SPDX-License-Identifier: ISC */
#ifndef SDK_STDIO_H
#define SDK_STDIO_H

#include <stdarg.h>
#include <sys/types.h>

typedef struct __sFILE FILE;
typedef off_t fpos_t;

extern FILE *__stdinp, *__stdoutp, *__stderrp;
#define stdin  __stdinp
#define stdout __stdoutp
#define stderr __stderrp

#define EOF      (-1)
#define BUFSIZ   1024
#define _IOFBF   0
#define _IOLBF   1
#define _IONBF   2
#define SEEK_SET 0
#define SEEK_CUR 1
#define SEEK_END 2
#define P_tmpdir "/var/tmp/"

#define FORMAT_(f, a) __attribute__((format(printf, f, a)))

void clearerr(FILE *file);
int dprintf(int fd, const char *format, ...) FORMAT_(2, 3);
int fclose(FILE *file);
FILE *fdopen(int fd, const char *mode);
int feof(FILE *file);
int ferror(FILE *file);
int fflush(FILE *file);
int fgetc(FILE *file);
char *fgets(char *string, int size, FILE *file);
int fileno(FILE *file);
FILE *fmemopen(void *bytes, size_t size, const char *mode);
FILE *fopen(const char *path, const char *mode);
int fprintf(FILE *file, const char *format, ...) FORMAT_(2, 3);
int fputc(int byte, FILE *file);
int fputs(const char *string, FILE *file);
size_t fread(void *to, size_t size, size_t count, FILE *file);
int fscanf(FILE *file, const char *format, ...);
int fseek(FILE *file, long offset, int whence);
int fseeko(FILE *file, off_t offset, int whence);
long ftell(FILE *file);
off_t ftello(FILE *file);
size_t fwrite(const void *from, size_t size, size_t count, FILE *file);
int getc(FILE *file);
int getchar(void);
ssize_t getdelim(char **line, size_t *room, int delimiter, FILE *file);
ssize_t getline(char **line, size_t *room, FILE *file);
FILE *open_memstream(char **bytes, size_t *size);
int pclose(FILE *file);
void perror(const char *string);
FILE *popen(const char *command, const char *mode);
int printf(const char *format, ...) FORMAT_(1, 2);
int putc(int byte, FILE *file);
int putchar(int byte);
int puts(const char *string);
int remove(const char *path);
int rename(const char *from, const char *to);
void rewind(FILE *file);
void setbuf(FILE *file, char *buffer);
int setvbuf(FILE *file, char *buffer, int mode, size_t size);
int snprintf(char *to, size_t room, const char *format, ...) FORMAT_(3, 4);
int sprintf(char *to, const char *format, ...) FORMAT_(2, 3);
int sscanf(const char *string, const char *format, ...);
FILE *tmpfile(void);
int ungetc(int byte, FILE *file);
int vfprintf(FILE *file, const char *format, va_list args) FORMAT_(2, 0);
int vprintf(const char *format, va_list args) FORMAT_(1, 0);
int vsnprintf(char *to, size_t room, const char *format, va_list args) FORMAT_(3, 0);
int asprintf(char **to, const char *format, ...) FORMAT_(2, 3);
int vasprintf(char **to, const char *format, va_list args) FORMAT_(2, 0);
int renameatx_np(int from_fd, const char *from, int to_fd, const char *to, unsigned flags);

#endif
