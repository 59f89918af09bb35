// Loads models side by side, runs them event by event in turn, and compares each score with what is expected.
//   check_models MODEL VECTORS [MODEL VECTORS]...
// MODEL is the path of a library without .so; VECTORS a folder with features.dat and scores.dat: one line for each
// crossing, stored integers. Returns 0 if all are equal, 1 if any differs, 2 if something cannot be read.

#include <cstdint>
#include <exception>
#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "hls4ml/emulator.h"

struct Side {
    std::string name;
    std::shared_ptr<hls4mlEmulator::Model> model;
    std::vector<std::vector<int64_t>> features;
    std::vector<int64_t> scores;
    size_t different = 0;
};

static void read(Side &side, const std::string &folder) {
    std::ifstream features(folder + "/features.dat"), scores(folder + "/scores.dat");
    if (!features || !scores)
        throw std::runtime_error(folder + " has no features.dat and scores.dat");
    std::string line;
    while (std::getline(features, line)) {
        std::istringstream words(line);
        std::vector<int64_t> row;
        for (int64_t number; words >> number;)
            row.push_back(number);
        if (!words.eof() || row.empty() || (!side.features.empty() && row.size() != side.features[0].size()))
            throw std::runtime_error(folder + "/features.dat: line " + std::to_string(side.features.size() + 1));
        side.features.push_back(row);
    }
    for (int64_t number; scores >> number;)
        side.scores.push_back(number);
    if (!scores.eof() || side.features.empty() || side.scores.size() != side.features.size())
        throw std::runtime_error(folder + ": features.dat and scores.dat do not belong together");
}

int main(int argc, char **argv) {
    if (argc < 3 || argc % 2 == 0) {
        std::cerr << "usage: check_models MODEL VECTORS [MODEL VECTORS]..." << std::endl;
        return 2;
    }
    std::vector<Side> sides;
    size_t most = 0, different = 0;
    try {
        for (int i = 1; i < argc; i += 2) {
            Side side;
            side.name = argv[i];
            side.model = hls4mlEmulator::ModelLoader(argv[i]).load_model();
            read(side, argv[i + 1]);
            most = std::max(most, side.features.size());
            sides.push_back(std::move(side));
        }
    } catch (const std::exception &error) {
        std::cerr << "ERROR: " << error.what() << std::endl;
        return 2;
    }
    for (size_t event = 0; event < most; event++) {
        for (Side &side : sides)
            if (event < side.features.size())
                side.model->prepare_input(static_cast<const int64_t *>(side.features[event].data()));
        for (Side &side : sides)
            if (event < side.features.size())
                side.model->predict();
        for (Side &side : sides) {
            if (event >= side.features.size())
                continue;
            int64_t score = 0;
            side.model->read_result(&score);
            if (score != side.scores[event] && side.different++ == 0)
                std::cout << side.name << ": crossing " << event << " gives " << score << ", expected "
                          << side.scores[event] << std::endl;
        }
    }
    for (const Side &side : sides) {
        std::cout << side.name << ": " << side.different << " of " << side.features.size() << " scores differ" << std::endl;
        different += side.different;
    }
    return different > 0;
}
