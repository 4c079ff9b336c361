// RS256 tokens with a key of their own (RSA, 2048 bits), and what it costs OpenSSL to verify them:
//   tokens make FOLDER COUNT KID    writes tokens.txt (one a line), jwks.json and public.pem
//   tokens verify FOLDER SECONDS    prints the CPU microseconds of one verification
// A token has 650 bytes, names user number i of COUNT, and ends in the year 2100. The payloads are the same
// in every run, the key is not.
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

constexpr std::size_t kTokenSize = 650, kSignatureSize = 342;
constexpr std::size_t kVerified = 4096;  // different ones, in turn

[[noreturn]] void die(const char* what) {
  std::fprintf(stderr, "tokens: %s\n", what);
  std::exit(1);
}

std::string base64url(std::string_view bytes) {
  static constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string out;
  out.reserve((bytes.size() * 4 + 2) / 3);
  unsigned bits = 0, held = 0;
  for (unsigned char c : bytes) {
    bits = bits << 8 | c;
    for (held += 8; held >= 6; held -= 6) out += kDigits[bits >> (held - 6) & 63];
  }
  if (held > 0) out += kDigits[bits << (6 - held) & 63];
  return out;
}

std::string decoded(std::string_view text) {
  std::string out;
  unsigned bits = 0, held = 0;
  for (char c : text) {
    unsigned digit = c >= 'a'   ? static_cast<unsigned>(c - 'a' + 26)
                     : c == '_' ? 63
                     : c >= 'A' ? static_cast<unsigned>(c - 'A')
                     : c == '-' ? 62
                                : static_cast<unsigned>(c - '0' + 52);
    bits = bits << 6 | digit;
    if ((held += 6) >= 8) out += static_cast<char>(bits >> (held -= 8) & 255);
  }
  return out;
}

std::string number_of(EVP_PKEY* key, const char* name) {
  BIGNUM* n = nullptr;
  if (EVP_PKEY_get_bn_param(key, name, &n) != 1) die("a key without numbers");
  std::string bytes(static_cast<std::size_t>(BN_num_bytes(n)), '\0');
  BN_bn2bin(n, reinterpret_cast<unsigned char*>(bytes.data()));
  BN_free(n);
  return base64url(bytes);
}

// As an identity provider writes them; `jti` fills up to the size.
std::string payload_of(int user, std::size_t size) {
  std::minstd_rand random(static_cast<unsigned>(user + 1));
  char text[512];
  int n =
      std::snprintf(text, sizeof text,
                    R"({"iss":"bench","aud":"bench","sub":"user-%06d","org":"org-%03d","scope":"orders:read )"
                    R"(orders:write","iat":1764000000,"exp":4102444800,"jti":")",
                    user, user % 1000);
  std::string payload(text, static_cast<std::size_t>(n));
  while (payload.size() < size - 2) payload += "0123456789abcdef"[random() / 7 % 16];
  return payload + "\"}";
}

std::string signed_token(EVP_PKEY* key, std::string head_and_payload) {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  unsigned char signature[256];
  std::size_t size = sizeof signature;
  if (EVP_DigestSignInit(context, nullptr, EVP_sha256(), nullptr, key) != 1 ||
      EVP_DigestSign(context, signature, &size,
                     reinterpret_cast<const unsigned char*>(head_and_payload.data()),
                     head_and_payload.size()) != 1)
    die("cannot sign");
  EVP_MD_CTX_free(context);
  return head_and_payload + "." + base64url({reinterpret_cast<const char*>(signature), size});
}

void make(const std::string& folder, int count, const std::string& kid) {
  EVP_PKEY* key = EVP_RSA_gen(2048);
  if (!key) die("cannot make a key");
  const std::string head = base64url(R"({"alg":"RS256","typ":"JWT","kid":")" + kid + "\"}");
  const std::size_t payload = (kTokenSize - kSignatureSize - head.size() - 2) * 3 / 4;
  std::vector<std::string> tokens(static_cast<std::size_t>(count));
  std::atomic<int> next = 0;
  {
    std::vector<std::jthread> threads;
    for (unsigned i = 0; i < std::max(1u, std::thread::hardware_concurrency()); ++i)
      threads.emplace_back([&] {
        for (int user; (user = next++) < count;)
          tokens[static_cast<std::size_t>(user)] =
              signed_token(key, head + "." + base64url(payload_of(user, payload)));
      });
  }
  std::ofstream out(folder + "/tokens.txt");
  for (const std::string& token : tokens) out << token << '\n';
  std::ofstream(folder + "/jwks.json") << R"({"keys":[{"kty":"RSA","use":"sig","alg":"RS256","kid":")" << kid
                                       << R"(","n":")" << number_of(key, OSSL_PKEY_PARAM_RSA_N)
                                       << R"(","e":")" << number_of(key, OSSL_PKEY_PARAM_RSA_E) << "\"}]}\n";
  std::FILE* pem = std::fopen((folder + "/public.pem").c_str(), "w");
  if (!out.flush() || !pem || PEM_write_PUBKEY(pem, key) != 1 || std::fclose(pem) != 0) die("cannot write");
  EVP_PKEY_free(key);
}

double cpu_microseconds() {
  timespec t{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_nsec) / 1e3;
}

// As a program that keeps its keys parsed does it: digest and signature, without base64 and JSON.
void verify(const std::string& folder, double seconds) {
  std::FILE* pem = std::fopen((folder + "/public.pem").c_str(), "r");
  EVP_PKEY* key = pem ? PEM_read_PUBKEY(pem, nullptr, nullptr, nullptr) : nullptr;
  if (!key) die("no public.pem");
  std::fclose(pem);
  struct Signed {
    std::string text, signature;
  };
  std::vector<Signed> all;
  std::ifstream file(folder + "/tokens.txt");
  for (std::string line; all.size() < kVerified && std::getline(file, line);) {
    std::size_t dot = line.rfind('.');
    all.push_back({line.substr(0, dot), decoded(std::string_view(line).substr(dot + 1))});
  }
  if (all.empty()) die("no tokens.txt");
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  const double before = cpu_microseconds();
  long done = 0;
  for (; done % 64 != 0 || std::chrono::steady_clock::now() < deadline; ++done) {
    const Signed& s = all[static_cast<std::size_t>(done) % all.size()];
    EVP_MD_CTX_reset(context);
    if (EVP_DigestVerifyInit(context, nullptr, EVP_sha256(), nullptr, key) != 1 ||
        EVP_DigestVerify(context, reinterpret_cast<const unsigned char*>(s.signature.data()),
                         s.signature.size(), reinterpret_cast<const unsigned char*>(s.text.data()),
                         s.text.size()) != 1)
      die("a wrong signature");
  }
  std::printf("%.3f\n", (cpu_microseconds() - before) / static_cast<double>(done));
  EVP_MD_CTX_free(context);
  EVP_PKEY_free(key);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view mode = argc > 1 ? argv[1] : "";
  if (mode == "make" && argc == 5)
    make(argv[2], std::atoi(argv[3]), argv[4]);
  else if (mode == "verify" && argc == 4)
    verify(argv[2], std::atof(argv[3]));
  else
    die("make FOLDER COUNT KID | verify FOLDER SECONDS");
}
