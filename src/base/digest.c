#include "base/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

#define BYTES ((DIGEST_TEXT - 1) / 2)
#define BLOCK ((size_t)64 * 1024)

/* libcrypto refuses only for want of memory, or because it is set up without SHA-256. */
static EVP_MD_CTX *
begin(void)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	if (ctx == NULL || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1)
		log_fatal("cannot compute SHA-256: libcrypto refuses to");
	return ctx;
}

static void
add(EVP_MD_CTX *ctx, const void *p, size_t n)
{
	if (n != 0 && EVP_DigestUpdate(ctx, p, n) != 1)
		log_fatal("cannot compute SHA-256: libcrypto refuses to");
}

static void
end(EVP_MD_CTX *ctx, char digest[DIGEST_TEXT])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char bytes[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	if (EVP_DigestFinal_ex(ctx, bytes, &n) != 1 || n != BYTES)
		log_fatal("cannot compute SHA-256: libcrypto refuses to");
	for (unsigned i = 0; i < BYTES; i++) {
		digest[2 * i] = digits[bytes[i] >> 4];
		digest[2 * i + 1] = digits[bytes[i] & 0xf];
	}
	digest[DIGEST_TEXT - 1] = '\0';
}

void
digest_bytes(char digest[DIGEST_TEXT], const void *p, size_t n)
{
	EVP_MD_CTX *ctx = begin();

	add(ctx, p, n);
	end(ctx, digest);
	EVP_MD_CTX_free(ctx);
}

static int
add_file(EVP_MD_CTX *ctx, int fd)
{
	char block[BLOCK];
	ssize_t n;

	for (;;) {
		n = read(fd, block, sizeof(block));
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return (int)n;
		add(ctx, block, (size_t)n);
	}
}

int
digest_file(char digest[DIGEST_TEXT], const char *path)
{
	EVP_MD_CTX *ctx = NULL;
	struct stat st;
	int fd, result = -1, saved_errno;

	digest[0] = '\0';
	/* Opening a named pipe would otherwise wait for its writer. */
	fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == -1)
		goto out;
	if (!S_ISREG(st.st_mode)) {
		errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
		goto out;
	}
	ctx = begin();
	result = add_file(ctx, fd);
	if (result == 0)
		end(ctx, digest);
out:
	saved_errno = errno;
	EVP_MD_CTX_free(ctx);
	close(fd);
	errno = saved_errno;
	return result;
}
