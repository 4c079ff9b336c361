// tests/config/wrong/*.yaml with what is said about each, tests/config/right/*.yaml with what `print` makes
// of each. GATEHOUSE_UPDATE_GOLDEN=1 writes the expectations anew; read them before they are committed.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "config/loader.h"

namespace gatehouse::config {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kCanary = "hunter2 CANARY";

// From the folder that the test runs in upwards, so that it may be started anywhere within the repository.
fs::path golden_folder() {
  for (fs::path at = fs::current_path();; at = at.parent_path()) {
    if (fs::exists(at / "tests" / "config" / "wrong")) return at / "tests" / "config";
    if (at == at.parent_path()) break;
  }
  return fs::path(__FILE__).parent_path().parent_path().parent_path() / "tests" / "config";
}

std::string contents(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

// Files are seen relative to `folder`, so that no machine's paths stand in the expectations.
Environment environment_of(const fs::path& folder) {
  Environment out;
  out.variable = [](const std::string& name) -> std::optional<std::string> {
    if (name == "CANARY_SECRET") return std::string(kCanary);
    if (name == "PORT") return "9090";
    if (name == "USERS_HOST") return "users.internal";
    if (name == "TOKEN") return "token CANARY";
    if (name == "STAR") return "*CANARY*";
    if (name == "HS_SECRET") return "a CANARY of more than 256 bits, less than 512";
    if (name == "ISSUER") return "https://id.internal";
    if (name == "JWKS") return R"({"keys": [" CANARY"]})";
    return std::nullopt;
  };
  out.read_file = [folder](const std::string& path) -> std::optional<std::string> {
    const fs::path file = path.starts_with('/') ? fs::path(path) : folder / path;
    if (path == "/run/secrets/token") return "file CANARY\n";
    if (!fs::is_regular_file(file)) return std::nullopt;
    return contents(file);
  };
  out.glob = [folder](const std::string& pattern) {
    std::vector<std::string> found;
    const fs::path inside = fs::path(pattern).parent_path();
    if (!fs::is_directory(folder / inside)) return found;
    for (const auto& entry : fs::directory_iterator(folder / inside)) {
      if (entry.path().extension() == ".yaml") found.push_back((inside / entry.path().filename()).string());
    }
    std::ranges::sort(found);
    return found;
  };
  return out;
}

std::string text_of(const Diagnostics& diagnostics) {
  std::string out;
  for (const Diagnostic& diagnostic : diagnostics) out += diagnostic.text() + "\n";
  return out;
}

void compare(const std::string& actual, const fs::path& expected) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe)
  if (std::getenv("GATEHOUSE_UPDATE_GOLDEN") != nullptr) std::ofstream(expected, std::ios::binary) << actual;
  EXPECT_EQ(actual, contents(expected)) << expected.filename();
  EXPECT_EQ(actual.find("CANARY*"), std::string::npos) << expected.filename() << " shows a secret";
  EXPECT_EQ(actual.find(" CANARY"), std::string::npos) << expected.filename() << " shows a secret";
}

std::vector<fs::path> files_of(const fs::path& folder) {
  std::vector<fs::path> out;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".yaml") out.push_back(entry.path());
  }
  std::ranges::sort(out);
  return out;
}

TEST(Golden, WrongConfigurationsAreExplained) {
  const fs::path folder = golden_folder() / "wrong";
  const auto files = files_of(folder);
  EXPECT_GE(files.size(), 60U);
  for (const fs::path& file : files) {
    const Loaded loaded = load_file(file.filename().string(), environment_of(folder));
    EXPECT_FALSE(loaded.spec.has_value()) << file.filename();
    EXPECT_TRUE(has_errors(loaded.diagnostics)) << file.filename();
    compare(text_of(loaded.diagnostics), fs::path(file).replace_extension(".expected"));
  }
}

TEST(Golden, RightConfigurationsArePrinted) {
  const fs::path folder = golden_folder() / "right";
  const auto files = files_of(folder);
  EXPECT_FALSE(files.empty());
  for (const fs::path& file : files) {
    const Loaded loaded = load_file(file.filename().string(), environment_of(folder));
    ASSERT_TRUE(loaded.spec.has_value()) << file.filename() << "\n" << text_of(loaded.diagnostics);
    compare(text_of(loaded.diagnostics) + print(*loaded.spec), fs::path(file).replace_extension(".expected"));
  }
}

std::string without_comments(const std::string& printed) {
  std::istringstream in(printed);
  std::string out;
  for (std::string line; std::getline(in, line);) {
    const std::size_t comment = line.rfind(" # ");
    line.resize(comment == std::string::npos ? line.size() : comment);
    while (line.ends_with(' ')) line.pop_back();
    out += line + "\n";
  }
  return out;
}

// What `print` writes is a configuration that says the same.
TEST(Golden, PrintedConfigurationsLoadAgain) {
  const fs::path folder = golden_folder() / "right";
  for (const fs::path& file : files_of(folder)) {
    const Environment environment = environment_of(folder);
    const Loaded first = load_file(file.filename().string(), environment);
    ASSERT_TRUE(first.spec.has_value()) << file.filename();
    const std::string printed = print(*first.spec);
    const Loaded second = load_text(printed, "printed.yaml", environment);
    ASSERT_TRUE(second.spec.has_value()) << file.filename() << "\n" << text_of(second.diagnostics) << printed;
    EXPECT_EQ(without_comments(printed), without_comments(print(*second.spec))) << file.filename();
  }
}

}  // namespace
}  // namespace gatehouse::config
