/**
 * Slot values of the bundled corpus. A value is the text to be tagged, or `before|text|after` where the words around it
 * belong to the value but not to the slot: `on|friday` gives "on friday" with only "friday" tagged, when a template
 * asks for it with `{@date}`. A list that is an object is chosen by the sentence's setting of that name (see `by`).
 *
 * People, songs, playlists, hotels, restaurants and airlines are invented.
 */

import { tails } from './tails.mjs';

const words = (text) => text.split(',').map((value) => value.trim());
const prefixed = (prefix, text) => words(text).map((value) => `${prefix}|${value}`);

const hours = words('one, two, three, four, five, six, seven, eight, nine, ten, eleven, twelve');
const weekdays = words('monday, tuesday, wednesday, thursday, friday, saturday, sunday');
const months = words(
  'january, february, march, april, may, june, july, august, september, october, november, december',
);
const ordinals = words(
  'first, second, third, fourth, fifth, sixth, seventh, eighth, ninth, tenth, eleventh, twelfth, fifteenth, eighteenth, twentieth, twenty second, twenty fourth, twenty eighth',
);

/** One day of a month per line of the calendar, not all 360: enough to be seen in several forms. */
const calendarDays = ordinals.flatMap((ordinal, i) => {
  const month = months[(i * 5) % 12];
  const other = months[(i * 7 + 3) % 12];
  return [`on|the ${ordinal} of ${month}`, `on|${other} ${ordinal}`];
});

/** Times of day as people say them, from `from` to `to` o'clock of one half of the day. */
function clock(from, to, half) {
  return hours.slice(from - 1, to).flatMap((hour, i) => {
    const number = from + i;
    return [
      `at|${number} ${half}`,
      `at|${number}:30 ${half}`,
      `at|${hour} o'clock`,
      `at|half past ${hour}`,
      `at|quarter past ${hour}`,
      `at|quarter to ${hour}`,
      `at|${hour} ${['fifteen', 'twenty', 'thirty five', 'forty five', 'fifty'][i % 5]}`,
      `at|${number + (half === 'pm' && number < 12 ? 12 : 0)}:${['05', '10', '40', '45', '55'][(i * 2) % 5]}`,
    ];
  });
}

const days = [
  'tomorrow',
  'the day after tomorrow',
  ...prefixed('on', weekdays.join()),
  ...words(
    'this wednesday, this friday, this saturday, next monday, next tuesday, next thursday, next sunday',
  ),
  ...words('a week from today, a week from friday, two weeks from now, three days from now'),
  ...prefixed('on', "christmas eve, new year's day, easter monday, mother's day, labour day, good friday"),
  ...calendarDays,
];
const partsOfDay = [
  ...words(
    'tonight, this evening, this afternoon, later today, tomorrow morning, tomorrow afternoon, tomorrow evening',
  ),
  ...prefixed('on', 'monday morning, tuesday evening, thursday afternoon, friday night, saturday morning'),
  ...prefixed('on', 'sunday afternoon, wednesday evening, saturday night, sunday morning, friday afternoon'),
];

const lowLevels = words(
  '5 percent, 10 percent, 20 percent, 25 percent, 30 percent, 40 percent, fifteen percent, thirty five percent, a third, a quarter, the lowest setting, one percent, 45 percent',
);
const highLevels = words(
  '60 percent, 75 percent, 80 percent, 90 percent, seventy percent, two thirds, full brightness, maximum brightness, three quarters, 100 percent, 85 percent, ninety five percent',
);

const gradable = words(
  'sunny, cloudy, windy, hot, cold, humid, foggy, warm, stormy, icy, wet, dry, chilly, mild, blustery, grey',
);

const cooking = words(
  'italian, thai, indian, mexican, japanese, french, greek, lebanese, chinese, spanish, korean, ethiopian, turkish, vegan, vietnamese, moroccan, peruvian, portuguese, vegetarian, middle eastern, polish, south indian, caribbean, cantonese, georgian, north african',
);

/** What can follow "tell anna that". */
const statements = words(
  "i'm running late, dinner is ready, the train is delayed, we need more milk, i will be home in an hour, the meeting has moved to room four, i left the keys under the mat, the parcel has arrived, i can't make it tonight, the car is fixed, i'm on my way, we are out of coffee, the kids are asleep, i forgot my umbrella, the tickets are booked, lunch is on me, the boiler is broken again, i found the blue scarf, the party starts at nine, the dog has been fed, we won the match, the wifi is down, the results are in, i'm stuck in traffic, there is cake in the office, everything went well, the flight landed safely, i'll bring dessert, the garden looks wonderful, i'm at the supermarket, we should talk tomorrow, the neighbours are away, he passed his driving test, the lift is out of order, i would love to come, our table is booked for eight, the heating is back on, i'm waiting outside, the film starts in ten minutes, the lights are still on, practice is cancelled, the shop closes at six, i need a lift home, the door code has changed, i'm working from home today, there is no school on monday, my phone was off, we will be four for dinner, the package goes back on friday, i got the job",
);

/** Everyday values that belong to training whatever the draw says. */
export const everyday = new Set(
  words(
    "tomorrow, today, tonight, monday, tuesday, wednesday, thursday, friday, saturday, sunday, this weekend, the weekend, this evening, tomorrow morning, kitchen, living room, bedroom, hallway, jazz, folk, milk, coffee, rice, eggs, shopping, packing, hardware, grocery, two, four, a dozen, a bottle, a carton, a bag, a litre, rain, snow, sunny, cold, hot, ten minutes, half an hour, an hour, five minutes, one night, two nights, a week, two people, four people, 50 percent, half, 10 percent, 80 percent, 20 degrees, 21 degrees, paris, london, new york, tokyo, italian, thai, car, bike, foot, walk, drive, my mother, anna, first class, business class, economy, second class, a pool, breakfast, the airport, red, blue, noon, 7 am, seven o'clock",
  ),
);

export const values = {
  // ---- when and how long
  day: days,
  when: [...days, ...partsOfDay],
  /** for what is asked about the weather: near days and stretches */
  forecast: [
    ...words('today, tomorrow, tonight, this weekend, next week, later today, this afternoon'),
    ...words(
      'tomorrow morning, tomorrow evening, this evening, next weekend, over the weekend, later this week',
    ),
    ...prefixed(
      'on',
      'monday, tuesday, thursday, friday, saturday, sunday, wednesday afternoon, friday evening',
    ),
    ...prefixed('on', 'saturday night, sunday morning, thursday morning, the fourth of july, christmas day'),
    ...words('this friday, next tuesday, early next week, the day after tomorrow, first thing tomorrow'),
  ],
  soon: words(
    'tonight, this evening, tomorrow morning, tomorrow, overnight, this afternoon, all day, this weekend, all weekend',
  ),
  weekend: words(
    'saturday, sunday, the weekend, this weekend, tomorrow, next week, the holidays, next monday',
  ),
  start: [
    ...prefixed('on', 'monday, tuesday, wednesday, thursday'),
    ...words('tomorrow, next monday, next tuesday, next wednesday, this thursday, the day after tomorrow'),
    ...prefixed(
      'on',
      'the first of june, the second of may, the third of october, august first, the fourth of march',
    ),
    ...prefixed('on', 'november second, the first of july, april third'),
  ],
  finish: [
    ...words(
      'a week later, ten days later, two weeks later, four days later, a month later, five nights later',
    ),
    ...words('the following sunday, the following saturday, the following friday, the following weekend'),
    ...prefixed(
      'on',
      'the tenth, the twelfth, the fourteenth, the eighteenth, the twentieth, the eleventh, the last day of the month',
    ),
  ],
  morning: [...clock(5, 11, 'am'), ...words('at|dawn, at|sunrise')],
  evening: [
    ...clock(5, 9, 'pm'),
    ...words('at|noon, at|lunchtime, at|seven in the evening, at|eight in the evening'),
  ],
  time: [
    ...clock(6, 11, 'am'),
    ...clock(1, 9, 'pm'),
    ...words(
      'at|noon, at|midnight, at|lunchtime, at|six in the morning, at|four in the afternoon, at|ten in the evening',
    ),
  ],
  departure: [...clock(6, 11, 'am'), ...clock(1, 9, 'pm')],
  dinner: [
    ...clock(6, 9, 'pm'),
    ...words('at|noon, at|seven in the evening, at|lunchtime, at|eight tonight'),
  ],
  duration: words(
    'five minutes, ten minutes, twelve minutes, 15 minutes, twenty minutes, 25 minutes, thirty minutes, forty minutes, 45 minutes, fifty minutes, 90 seconds, thirty seconds, 45 seconds, one minute, two minutes, three minutes, 8 minutes, an hour, one hour, two hours, 3 hours, half an hour, an hour and a half, one and a half hours, an hour and ten minutes, two and a half hours, a quarter of an hour, three quarters of an hour, a minute and a half, six and a half minutes, 18 minutes, seven minutes',
  ),
  short: words(
    'five minutes, ten minutes, fifteen minutes, 8 minutes, half an hour, five more minutes, twenty minutes, a quarter of an hour, nine minutes, 10 minutes',
  ),
  /** as an adjective: a 20 minute timer */
  compound: words(
    '20 minute, five minute, two hour, 90 second, half hour, one hour, 45 minute, ten minute, three minute, 15 minute, 8 minute, thirty second, twelve minute, 18 minute, forty minute, one minute, six minute, ninety minute, 11 minute',
  ),
  nights: words(
    'one night, two nights, three nights, four nights, five nights, six nights, a week, two weeks, a single night, ten nights, 7 nights, 3 nights, a fortnight, just one night, a couple of nights, twelve nights',
  ),

  timerName: words(
    'pasta, egg, tea, workout, laundry, pizza, nap, oven, homework, bread, meditation, rice, parking, chicken, screen time, roast potato, hair dye, piano practice',
  ),

  // ---- people and what they say
  question: words(
    'what time is dinner, where are you, can you pick me up from work, are we still meeting for lunch, did you lock the door, how was the exam, when does the film start, what should i bring, did the parcel arrive, who is coming on friday, are you free tomorrow, is everything all right, have you seen my glasses, do you need anything from the shop',
  ),
  person: [
    ...words(
      'anna, ben, carlos, divya, ella, femi, grace, hiro, ingrid, jonas, kate, liam, maya, noor, oscar, priya, quentin, rosa, sam, tariq, uma, victor, wendy, yusuf, zoe, my mother, my sister, my boss, my brother, my husband, my wife, my neighbour, grandma, dad, mum, uncle ray, aunt helen, doctor patel, coach miller, mrs okafor, mr lindgren, the landlord, the babysitter, the plumber, the book club, the team, my flatmate, professor dunn, cousin theo, my daughter',
    ),
    ...tails.person,
  ],
  message: [...statements, ...tails.message],
  note: [
    ...statements,
    ...tails.message,
    ...words(
      'happy birthday, good luck with the exam, thanks for the flowers, please call me back, see you at the station',
    ),
    ...words(
      "don't wait for me, bring a warm coat, take your time, congratulations on the new job, have a safe trip",
    ),
    ...words(
      "don't forget the keys, get well soon, what time is dinner, where are you, can you pick me up from work",
    ),
    ...words(
      'sorry for the noise last night, please water the garden, are we still meeting for lunch, sleep well',
    ),
  ],
  task: [
    ...words(
      'water the plants, call the dentist, take out the recycling, pay the electricity bill, feed the cat, book a table, buy stamps, renew my passport, pick up the dry cleaning, return the library books, take my medicine, charge the camera, walk the dog, send the invoice, change the bed sheets, check the oven, defrost the fridge, order a birthday cake, phone the bank, clean the windows, empty the dishwasher, print the boarding passes, write the thank you cards, put the bins out, back up my laptop, iron the white shirt, stretch my legs, drink some water, move the car, submit the tax return, bring in the washing, lock the back door, reply to the landlord, collect the parcel, mow the lawn, sign the school form, fix the bicycle, pack for the trip, take the bread out of the oven, turn off the sprinkler, buy a present for the twins, play the lottery, set the table, find a plumber, book a train to leeds, check the weather, turn the heating down, text the babysitter, cancel the gym membership, get petrol, visit the museum, practise the piano, wash the car, hang up the laundry, descale the kettle, refill the bird feeder',
    ),
    ...tails.task,
  ],
  event: words(
    "the dentist appointment, the parents' evening, the staff meeting, my yoga class, the football match, the school play, grandma's birthday, the car inspection, the video call with the team, our anniversary, the piano lesson, the blood test, the job interview, the book club, the concert, the haircut, the gas delivery, the eye test, the swimming lesson, the flu jab",
  ),

  chore: words(
    'the dishes, the laundry, the shopping, my homework, my exercises, the vacuuming, the ironing, the invoices',
  ),

  // ---- music
  artist: [
    ...words(
      'the paper lanterns, mara ellison, north of autumn, dj marigold, the quiet engines, oskar vale, velvet harbour, juno park, the amber foxes, silas reed, the midnight bakers, nadia bloom, copper coast, ezra lund, the tin whistles, lola mistral, glass orchard, the early trains, benny okoro, wild geese club, ivy and the anchors, samira noor, the sunday drivers, tobias grey, electric meadow, los faros, the salt flats, hana kimura, radio kestrel, the lemon thieves',
    ),
    ...tails.artist,
  ],
  song: [
    ...words(
      'slow river, midnight on maple street, paper boats, the long way home, golden hour, seven bridges, when the snow melts, dancing in the kitchen, letters to june, blue bicycle, hold the line, carry me over, little lighthouse, satellite heart, no more mondays, ocean floor, wildflower, the last tram, summer in your eyes, cold coffee, one more mile, under the willow, firefly, northern lights, empty suitcase, a thousand windows, run with me, sleepless city, honey and smoke, tomorrow again, thunder road trip, silver lining, easy rain, stay a while, heavy boots, waiting for the ferry',
    ),
    ...tails.song,
  ],
  genre: words(
    'jazz, blues, folk, reggae, techno, classical, ambient, country, soul, funk, disco, indie rock, hip hop, bossa nova, heavy metal, baroque, house, swing, punk rock, drum and bass, flamenco, gospel, synth pop, bluegrass, piano, lo fi, salsa, opera, grunge, afrobeat',
  ),
  playlist: [
    ...words(
      'sunday morning, rainy day coffee, road trip, deep focus, dinner party, gym warm up, kitchen disco, lullabies, monday motivation, slow evenings, beach day, study time, spring cleaning, campfire songs, late night drive, wake up happy, yoga flow, guilty pleasures, our wedding, running mix, winter warmers, party starters, quiet hours, family favourites',
    ),
    ...tails.playlist,
  ],
  device: words(
    'the|soundbar, my|headphones, the|portable speaker, the|car stereo, my|phone, the|television, the|record player, the|old radio, the|bluetooth speaker, the|tablet, the|subwoofer, my|earbuds, the|smart display, my|laptop',
  ),

  // ---- the house
  room: words(
    "in the|kitchen, in the|living room, in the|bedroom, in the|bathroom, in the|hallway, in the|office, in the|garage, in the|nursery, in the|dining room, in the|attic, in the|basement, in the|guest room, in the|kids' room, in the|study, in the|laundry room, on the|balcony, in the|conservatory, on the|porch, in the|master bedroom, in the|playroom, in the|library, in the|workshop, on the|landing, in the|pantry, in the|utility room, on the|terrace",
  ),
  /** rooms that are worth heating */
  indoor: words(
    "in the|kitchen, in the|living room, in the|bedroom, in the|bathroom, in the|hallway, in the|office, in the|garage, in the|nursery, in the|dining room, in the|basement, in the|guest room, in the|kids' room, in the|study, in the|laundry room, in the|conservatory, in the|master bedroom, in the|playroom, in the|library, in the|workshop, in the|utility room",
  ),
  color: words(
    'red, blue, green, purple, orange, pink, warm white, cool white, turquoise, yellow, soft amber, violet, lavender, teal, magenta, deep blue, lime green, crimson, gold, sky blue, indigo',
  ),
  low: lowLevels,
  high: highLevels,
  brightness: [
    ...lowLevels,
    ...highLevels,
    '50 percent',
    'half',
    'half brightness',
    '55 percent',
    'fifty percent',
  ],
  temperature: [
    ...[17, 18, 19, 20, 21, 22, 23, 24].map((degrees) => `${degrees} degrees`),
    ...words(
      'nineteen degrees, twenty degrees, twenty one degrees, twenty two, 18 and a half degrees, 65 degrees',
    ),
    ...words(
      '68 degrees, 70 degrees, 72 degrees fahrenheit, 20 celsius, 21 degrees celsius, sixty eight degrees',
    ),
  ],

  // ---- lists: what is listed decides how it is counted and where it is noted
  item: {
    by: 'goods',
    count: [
      ...words(
        'lemons, onions, bananas, avocados, eggs, bread rolls, red peppers, limes, light bulbs, sweet potatoes, candles, bin bags, green apples, batteries, paper napkins, carrots, peaches, bagels, mangoes, courgettes, oranges, leeks, pears, garlic bulbs, spring onions, plum tomatoes',
      ),
      ...tails.count,
    ],
    carton: words(
      'milk, oat milk, orange juice, almond milk, apple juice, soy milk, cream, buttermilk, tomato juice, chicken stock, vegetable broth, coconut water, grapefruit juice',
    ),
    bag: [
      ...words(
        'rice, pasta, flour, brown sugar, coffee, lentils, couscous, porridge oats, cat food, dog biscuits, sea salt, black beans, frozen peas, grated cheese, rye flour, raisins, walnuts, chickpeas, washing powder, bird seed, cocoa',
      ),
      ...tails.bag,
    ],
    bottle: words(
      'olive oil, soy sauce, dish soap, shampoo, cider, maple syrup, mineral water, white vinegar, sparkling water, fabric softener, red wine, lemonade, fish sauce, mouthwash, hand soap, ginger beer',
    ),
    trip: [
      ...words(
        'sunscreen, a raincoat, hiking boots, the passports, a phone charger, swimming trunks, a first aid kit, sunglasses, a travel pillow, ear plugs, wool socks, a torch, the tent pegs, a sleeping bag, insect repellent, a power adapter, a beach towel, walking poles, the road map, a water bottle',
      ),
      ...tails.trip,
    ],
    diy: [
      ...words(
        'wood screws, sandpaper, white paint, a paint brush, masking tape, a tape measure, wall plugs, a spirit level, superglue, a dust sheet, picture hooks, a drill bit, potting soil, a garden hose, varnish, a hammer, wood filler, pliers, door hinges, a step ladder',
      ),
      ...tails.diy,
    ],
  },
  quantity: {
    by: 'goods',
    count: words(
      'two, three, four, five, six, a dozen, ten, twelve, half a dozen, eight, a few, two dozen, seven, |a couple|of, |a bag|of, some more, fifteen, |three bags|of',
    ),
    carton: words(
      '|a carton|of, |two cartons|of, |a litre|of, |three cartons|of, |half a litre|of, |two litres|of, |a large carton|of, |a small carton|of, |a pint|of, |four cartons|of',
    ),
    bag: words(
      '|a bag|of, |two bags|of, |a packet|of, |a kilo|of, |500 grams|of, |a large bag|of, |three packets|of, |half a kilo|of, |a pound|of, |two kilos|of, |a box|of, |250 grams|of',
    ),
    bottle: words(
      '|a bottle|of, |two bottles|of, |a large bottle|of, |three bottles|of, |a small bottle|of, |six bottles|of, |half a litre|of, |another bottle|of',
    ),
  },
  list: {
    by: 'goods',
    count: words('shopping, grocery, weekly shopping, supermarket, weekend, market, party, household'),
    carton: words('shopping, grocery, breakfast, weekly shopping, supermarket, corner shop'),
    bag: words('shopping, grocery, pantry, weekly shopping, supermarket, market, wholesale'),
    bottle: words('shopping, grocery, household, supermarket, party, online order'),
    trip: words('packing, holiday, camping, beach trip, suitcase, hand luggage, hiking, ski trip'),
    diy: words('hardware, diy, renovation, garden shed, repairs, workshop, decorating, toolbox'),
  },

  // ---- weather
  city: [
    ...words(
      'paris, london, berlin, madrid, lisbon, rome, oslo, dublin, vienna, prague, new york, san francisco, chicago, toronto, mexico city, tokyo, singapore, sydney, cape town, nairobi, buenos aires, mumbai, cairo, athens, helsinki, edinburgh, seattle, boston, hong kong, rio de janeiro, auckland, reykjavik, zurich, warsaw, istanbul, montreal, kuala lumpur, los angeles, st petersburg, new orleans, copenhagen, marrakesh, brussels, seoul, melbourne, salt lake city',
    ),
    ...tails.city,
  ],
  rainy: words(
    'rain, snow, hail, freeze, drizzle, rain heavily, thunder, get foggy, get windy, clear up, pour, sleet, cool down, get icy',
  ),
  sunny: [...gradable, ...words('freezing, muggy, overcast, below zero, pouring, thundery')],
  gradable,
  weatherNoun: words(
    'rain, snow, thunderstorms, fog, strong winds, sunshine, a storm, frost, hail, a heat wave, black ice, showers, sleet, a blizzard, gales, smog',
  ),

  mass: words('rain, snow, sunshine, wind, fog, hail'),

  // ---- travel
  airline: [
    ...words(
      'north wind air, blue heron airlines, skylark, air meridian, polar express air, continental star, jet arrow, sunward airways, albatross air, pacific crown, swiftair, royal fjord airlines, cloudline, eagle pacific, tradewinds, aurora air, red kite airways, global swan',
    ),
    ...tails.airline,
  ],
  cabin: words('economy, business class, first class, premium economy, business, economy plus'),
  railClass: words('first class, second class, standard class'),
  station: {
    by: 'region',
    britain: words(
      'london, leeds, york, glasgow, edinburgh, cardiff, bristol, manchester, newcastle, oxford, bath, brighton, exeter, milton keynes, kings lynn, stoke on trent, norwich, durham',
    ),
    europe: words(
      'paris, brussels, cologne, amsterdam, frankfurt, zurich, milan, vienna, lyon, barcelona, munich, basel, la rochelle, den haag, salzburg, turin, antwerp, san sebastian, prague, hamburg',
    ),
    east: words(
      'new york, boston, philadelphia, baltimore, washington dc, new haven, providence, albany, buffalo, syracuse, cleveland, pittsburgh, hartford, niagara falls',
    ),
    west: words(
      'los angeles, san diego, santa barbara, sacramento, oakland, san jose, seattle, portland, long beach, salt lake city, eugene, reno',
    ),
    japan: words(
      'tokyo, kyoto, osaka, nagoya, hiroshima, kobe, sendai, fukuoka, himeji, kanazawa, nagano, okayama',
    ),
  },
  hotel: [
    ...words(
      'the harbour inn, hotel aurora, the grand linden, the old mill, casa verde, the lighthouse hotel, park view suites, hotel bellevue, the royal oak, the blue door, maison claire, the station hotel, villa rosa, the copper kettle, hotel meridian, pine lodge, the white swan, hotel miramar, the terrace rooms, the clock tower hotel, the weavers rest, palazzo luna',
    ),
    ...tails.hotel,
  ],
  amenity: words(
    'a pool, free parking, breakfast, a sea view, a gym, free wifi, a balcony, a sauna, air conditioning, room service, a kitchenette, a garden, a hot tub, late checkout, an airport shuttle, a crib, a rooftop bar, a spa, twin beds, a bathtub',
  ),
  people: words(
    'two people, four people, six people, three people, two adults, two adults and a child, five people, a family of four, eight guests, three guests, two guests, a party of seven, ten people, a group of twelve, two adults and two children, nine people',
  ),

  // ---- food
  diners: words(
    'two, three, four, five, six, eight, seven, ten, a party of seven, two adults and a child, eight people, twelve, five people, two people, four people, a group of nine, three adults, six people, a party of ten',
  ),
  cuisine: [...cooking, ...words('sushi, seafood, tapas, pizza, noodle, ramen, steak')],
  food: cooking,
  restaurant: [
    ...words(
      'the green fork, casa lola, the spice route, luigi and sons, the hungry heron, little saigon, the brass spoon, mama teresa, the olive press, golden dragon, the tide table, cafe orchard, bombay nights, the corner bistro, le petit jardin, the smoke house, taverna nikos, the rice bowl, la cantina, the salt cellar, osteria bianca, the fig tree, blue plate, the crooked oven',
    ),
    ...tails.restaurant,
  ],

  // ---- the way
  place: [
    ...words(
      'the airport, the central station, the city library, maple street, the nearest pharmacy, the town hall, the science museum, the closest petrol station, the botanical garden, the opera house, the football stadium, the university hospital, the nearest supermarket, victoria square, the old harbour, the swimming pool, the post office, the shopping centre, the bus terminal, riverside park, the nearest bakery, the art gallery, elm avenue, the conference centre, the national theatre, the ferry terminal, castle hill, the nearest cash machine, the zoo, the dental clinic, the cathedral, the fish market, number ten station road, the primary school, the animal shelter, the closest charging point',
    ),
    ...tails.place,
  ],
  travelMode: words(
    'by|car, by|bike, on|foot, by|bus, by|train, by|tram, by|taxi, by|public transport, by|underground, by|scooter',
  ),
  move: words('walk, drive, cycle, take the bus, ride a bike, take a taxi, jog, take the tram'),
  crossed: words(
    'the motorway, the river, the city centre, the bridge, the ring road, busy roads, the railway',
  ),
  hindrance: words('roadworks, traffic jams, tolls, road closures, stairs, steep hills'),
  avoid: words(
    'tolls, motorways, the motorway, ferries, the ring road, the city centre, roadworks, steep hills, stairs, busy roads, the tunnel, traffic jams, toll roads, narrow lanes, the bridge',
  ),
};
