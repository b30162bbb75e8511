"""Pairs of memories, labelled: what the new one, on the left of ``<<``, is to the old one on its right.

A line is a label, the cosine of the two texts' embeddings (all-MiniLM-L6-v2, computed once) and the pair. ``!`` after
the label: the language model proposed that the new one replaces the old. ``HELD_OUT`` was labelled before the first
rule was written and is never used to improve one.
"""

# fmt: off

DEVELOPMENT = """

# the same, said again
same      1.00  User lives in Berlin. << User lives in Berlin.
same      0.98  The user lives in Berlin << User lives in Berlin.
same      0.94  User resides in Porto. << User lives in Porto.
same      0.96  User is living in Porto. << User lives in Porto.
same      0.91  User is based in Porto. << User lives in Porto.
same      0.97  User loves hiking. << User likes hiking.
same      0.91  User enjoys to hike. << User likes hiking.
same      0.97  User's favourite colour is teal. << The user's favorite color is teal.
same      0.96  User has two kids. << User has 2 children.
same      0.99  User is a vegetarian. << User is vegetarian.
same      0.97  User is named Ana Souza. << User's name is Ana Souza.
same      1.00  User's name is José. << User's name is Jose.
same      0.96  User works for Bosch. << User works at Bosch.
same      0.93  User dislikes cilantro. << User does not like cilantro.
same      0.93  User doesn't like cilantro. << User dislikes cilantro.
same      0.95  User hates cilantro. << User dislikes cilantro.
same      0.90  User is allergic to peanuts. << User has a peanut allergy.
same      0.92  The user stated that their dog is called Rex. << User's dog is named Rex.
same      0.71  The user said they are left-handed. << User is left-handed.
same      0.99  User is left handed. << User is left-handed.
same      0.96  User works as a nurse. << User is working as a nurse.
same      0.95  User is a nurse. << User works as a nurse.
same      0.97  User currently drives a Volvo. << User drives a Volvo.
same      0.91  The user asked to always answer in German. << The user asked to answer in German.
same      0.92  The user wants replies in German. << The user asked to reply in German.
same      0.92  User is married. << The user is married!
same      0.99  User has a dog called Rex. << User has a dog named Rex.
same      0.84  User's budget is 5,000 EUR. << User's budget is 5000 euros.
same      1.00  User's meeting with Lea is on 3 May at 10:00. << User's meeting with Lea is at 10:00 on 3 May.
same      1.00  Der Nutzer lebt in Köln. << der Nutzer lebt in Koln.
same      0.99  El usuario es alérgico al maní. << El usuario es alergico al mani
same      0.98  L'utilisateur travaille chez Renault. << l'utilisateur travaille chez Renault !
same      0.99  User is vegan and lives in Lyon. << User lives in Lyon and is vegan.
same      0.99  User speaks French and Arabic. << User speaks Arabic and French.
same      0.98  The user mentioned that they usually begin their working day at nine in the morning with a long walk along the river. << The user mentioned that they usually start their working day at 9 in the morning with a long walk along the river.
same      0.99  User prefers dark mode in all editors. << User prefers dark mode in all of their editors.
same      0.98  用户住在北京。 << 用户住在北京

# residence, name, age, work
replaces  0.82  User lives in Porto. << User lives in Lisbon.
replaces  0.35  The user mentioned that they have recently relocated to Berlin for work. << User lives in Porto.
replaces  0.75  User moved from Porto to Lisbon last month (2026-10). << User lives in Porto.
replaces  0.44  User moved to Berlin in March 2026 to start a job at Zalando. << User is based in Lisbon.
replaces  0.88  User now lives in Milan, not in Rome. << User lives in Rome.
replaces  0.86  User used to live in Rome but now lives in Milan. << User lives in Rome.
replaces  0.66  User is living in Vienna now. << The user has lived in Graz since 2019.
replaces  0.61  User lives in Chicago and works at Boeing. << User lives in Seattle.
replaces  0.71  User's name is Katarzyna. << User's name is Katarina.
replaces  0.43  User goes by Max. << User is called Maximilian.
replaces  0.57  User changed their name to Ana Lima. << User's name is Ana Souza.
replaces  0.97  User is 35 years old. << User is 34 years old.
replaces  0.61  User works at Meta. << User works at Google.
replaces  0.51  User started a new job at Siemens. << User works for Bosch.
replaces  0.78  User left Bosch. << User works at Bosch.
replaces  0.82  User quit their job at Bosch. << User works at Bosch.
replaces  0.59  User now works as a teacher. << User works as a nurse.
replaces  0.48  User became a team lead. << User is a developer.
replaces  0.81  User works as a manager at Google. << User works as a data engineer at Google.
replaces  0.51  User retired. << User works as a nurse.

# people, pets, things
replaces  0.64  User is single. << User is married.
replaces  0.48  User got engaged. << User is single.
replaces  0.65  User's wife is called Marta. << User's wife is named Carla.
replaces  0.56  User's boss is now Tom. << User's boss is Maria.
replaces  0.66  User's dog is called Max. << User's dog is called Rex.
replaces  0.74  User's phone is an iPhone 15. << User's phone is a Pixel 8.
replaces  0.46  User bought a new car, a Tesla Model 3. << User drives a VW Golf.
replaces  0.55  User switched to an iPhone 15. << User uses a Pixel 8.
replaces  0.98  User's phone number is +49 30 7654321. << User's phone number is +49 30 1234567.
replaces  0.70  User's address is 12 Oak Lane. << User's address is 4 Elm Street.
replaces  0.77  User's favorite color is green. << User's favourite colour is blue.
replaces  0.73  User's favorite color changed to green. << User's favorite color is blue.
replaces  0.90  User has three children. << User has two kids.

# health, likes, habits
replaces  0.89  User is vegan. << User is vegetarian.
replaces  0.92  User is no longer vegetarian. << User is vegetarian.
replaces  0.72  User eats meat again. << User is vegetarian.
replaces  0.84  User dislikes coffee. << User likes coffee.
replaces  0.84  User likes coffee. << User dislikes coffee.
replaces  0.82  User no longer likes coffee. << User loves coffee.
replaces  0.87  User doesn't like tea anymore. << User likes tea.
replaces  0.78  User stopped drinking coffee. << User drinks coffee.
replaces  0.71  User quit coffee. << User likes coffee.
replaces  0.82  User gave up meat. << User eats meat.
replaces  0.96  User is not allergic to peanuts. << User is allergic to peanuts.
replaces  0.73  User does not smoke. << User smokes.
replaces  0.72  User started smoking again. << User does not smoke.
replaces  0.77  User stopped playing the violin. << User plays the violin.
replaces  1.00  User prefers tea over coffee. << User prefers coffee over tea.

# how to answer
replaces  0.72  The user asked to answer in English. << The user asked to always answer in German.
replaces  0.83  User prefers answers in French. << User prefers answers in English.
replaces  0.80  The user asked to keep answers short. << The user asked to give long, detailed answers.
replaces  0.83  The user asked to use imperial units. << The user asked to use metric units.
replaces  0.84  The user asked to answer in bullet points. << The user asked to answer in full paragraphs without bullet points.
replaces  0.60  The user asked to be called Max. << The user asked to be called Maximilian.
replaces  0.91  The user asked to stop using emojis. << The user asked to use emojis.
replaces  0.88  The user asked to use emojis. << The user asked not to use emojis.
replaces  0.81  The user asked for no emojis. << The user asked to always use emojis.

# times, numbers, projects, plans
replaces  0.81  User's meeting with Lea was moved to Thursday. << User's meeting with Lea is on Monday.
replaces  0.77  The launch of Atlas was postponed to 5 May. << The launch of Atlas is on 3 April.
replaces  0.91  User's flight is at 18:30. << User's flight is at 17:10.
replaces  0.97  User's budget for the trip is 7,000 EUR. << User's budget for the trip is 5,000 EUR.
replaces  0.92  Budget is 7,000 EUR. << Budget is 5,000 EUR.
replaces  0.95  User's salary is 60,000 EUR a year. << User's salary is 52,000 EUR a year.
replaces  0.87  Project Atlas was launched. << Project Atlas is in beta.
replaces  0.88  Project Atlas is on hold. << The status of project Atlas is in progress.
replaces  0.68  User cancelled the trip to Japan. << User plans a trip to Japan.
replaces  0.82  User is not going to Japan anymore. << User is going to Japan in April.
replaces  0.66  User's wedding is cancelled. << User's wedding is on 4 July.
replaces  0.93  User no longer wants to learn Italian. << User wants to learn Italian.
replaces! 0.75  User gets up at 5:30 these days. << User usually wakes up at 7:00.
replaces! 0.85  User works from the office on Fridays. << User usually works from home on Fridays.
replaces! 0.77  User switched to a standing desk. << User uses an ordinary sitting desk.

# more general, more specific, more of the same kind
neither   0.87  User likes green tea. << User likes tea.
neither   0.87  User likes tea. << User likes green tea.
neither   0.95  User lives in Berlin, Germany. << User lives in Berlin.
neither   0.82  User works at Google as a data engineer. << User works at Google.
neither   0.73  User likes coffee. << User likes tea.
neither   0.61  User dislikes coffee. << User likes tea.
neither   0.72  User is allergic to nuts. << User is allergic to gluten.
neither   0.75  User speaks Italian. << User speaks French.
neither   0.57  User has a dog called Max. << User has a cat called Rex.
neither   0.62  User's son is called Emil. << User's son is called Paul.
neither   0.62  User visited Tokyo. << User visited Paris.
neither   0.45  User knows Python. << User knows Rust.
neither   0.46  User also works at a bar. << User works at Bosch.
neither   0.64  User also has a Pixel 8. << User uses an iPhone 15.
neither   0.75  One of user's favorite colors is green. << User's favorite color is blue.
neither   0.60  User stopped drinking tea. << User drinks coffee.
neither   0.72  User's dog is old. << User's dog is brown.
neither   0.56  User is a father. << User is a nurse.
neither   0.53  User is tall. << User is married.
neither   0.61  User uses Vim. << User uses Linux.

# somebody or something else
neither   0.45  User's sister lives in Rome. << User lives in Porto.
neither   0.45  User lives in Porto. << User's sister lives in Rome.
neither   0.51  User's sister lives in Rome. << User's brother lives in Porto.
neither   0.26  Anna lives in Rome. << User lives in Porto.
neither   0.42  User's friend moved to Berlin. << User lives in Porto.
neither   0.36  Maria's dog is called Max. << User's dog is called Rex.
neither   0.70  User's boss is 50 years old. << User is 34 years old.
neither   0.72  User's wife is vegan. << User is vegetarian.
neither   0.52  User's wife drives a Tesla. << User drives a VW Golf.
neither   0.72  User's mother no longer likes coffee. << User likes coffee.
neither   0.54  User's cat is called Max. << User's dog is called Rex.
neither   0.30  User's favorite city is Rome. << User lives in Porto.
neither   0.43  User's company moved to Rome. << User lives in Porto.
neither   1.00  Anna is taller than Maria. << Maria is taller than Anna.
neither   0.57  User's meeting with Ben is on Friday. << User's meeting with Lea is on Monday.
neither   0.41  The launch of Borealis was postponed to 5 May. << The launch of Atlas is on 3 April.
neither   0.46  Project Borealis was launched. << Project Atlas is in beta.
neither   0.35  User cancelled the trip to Spain. << User plans a trip to Japan.
neither   0.75  User's budget for the car is 7,000 EUR. << User's budget for the trip is 5,000 EUR.

# history, wishes, doubts, conditions
neither   0.53  User used to live in Rome. << User lives in Porto.
neither   0.47  User lived in Rome as a child. << User lives in Porto.
neither   0.53  User lives in Porto. << User used to live in Rome.
neither   0.44  User moved to Rome in 2015. << User lives in Porto.
neither   0.50  User previously worked at IBM. << User works at Google.
neither   0.47  User grew up in Rome. << User lives in Porto.
neither   0.75  User was vegetarian for ten years. << User is vegan.
neither   0.48  User wants to live in Rome. << User lives in Porto.
neither   0.33  User will move to Berlin in March. << User lives in Porto.
neither   0.32  User is thinking about moving to Berlin. << User lives in Porto.
neither   0.85  User may quit their job at Bosch. << User works at Bosch.
neither   0.42  User stayed in Rome for a week. << User lives in Porto.
neither   0.68  The user asked to answer in German when writing to the landlord. << The user asked to answer in English.
neither   0.91  User had a meeting on Monday. << User had a meeting on Thursday.
neither   0.97  User has a meeting with Lea on Monday. << User has a meeting with Lea on Thursday.
neither   0.94  User paid 20 EUR for lunch. << User paid 12 EUR for lunch.
neither   0.56  User was 30 when they moved to Porto. << User is 34 years old.
neither!  0.73  User likes tea. << User likes coffee.
neither!  0.45  User's sister lives in Rome. << User lives in Porto.
neither!  0.53  User used to live in Rome. << User lives in Porto.
neither!  0.36  User bought a bicycle. << User is vegetarian.

# long texts that differ in one thing
neither   0.99  The user mentioned that they meet their old friends from university in Lisbon every second Friday for dinner. << The user mentioned that they meet their old friends from university in Lisbon every second Monday for dinner.
replaces  0.98  The user mentioned that they have 14 years of experience in building large bridges for the railway. << The user mentioned that they have 12 years of experience in building large bridges for the railway.
neither   0.99  The user explained that before dinner they take a walk with the dog through the park near their house. << The user explained that after dinner they take a walk with the dog through the park near their house.
neither   0.93  The user explained that their older brother takes care of the garden at the family house near Lyon. << The user explained that their older sister takes care of the garden at the family house near Lyon.
neither   0.90  Der Nutzer mag Kaffee. << Der Nutzer mag keinen Kaffee.
replaces  0.96  El usuario no vive en Madrid. << El usuario vive en Madrid.
neither   0.92  L'utilisateur ne mange pas de viande. << L'utilisateur mange de la viande.
neither   0.91  Die Schwester des Nutzers wohnt in Köln. << Der Nutzer wohnt in Köln.
"""  # noqa: E501

HELD_OUT = """

# the same, said again
same      0.94  User resides in Hamburg. << User lives in Hamburg.
same      0.99  The user's favorite dish is ramen. << User's favourite dish is ramen.
same      0.94  User enjoys bouldering. << User likes bouldering.
same      0.97  User has three cats. << The user has 3 cats.
same      0.92  The user mentioned that they are allergic to shellfish. << User is allergic to shellfish.
same      0.96  User is employed at Siemens. << User works at Siemens.
same      1.00  USER PLAYS THE CELLO << User plays the cello.
same      0.98  User's daughter is named Ida. << User's daughter is called Ida.
same      0.99  User doesn't eat pork. << User does not eat pork.
same      0.95  The user is currently working as a paramedic. << User works as a paramedic.
same      0.95  User really loves jazz. << User likes jazz.
same      0.89  User is 41 years old. << User is 41.
same      0.95  The user asked to always reply in Spanish. << The user asked to always answer in Spanish.
same      1.00  Der Nutzer wohnt in München. << Der Nutzer wohnt in Munchen.
same      0.99  El usuario vive en Bogotá. << el usuario vive en Bogota
same      1.00  L'utilisateur préfère le thé vert. << L’utilisateur prefere le the vert.
same      0.99  User is married to a teacher called Jonas. << User is married to a teacher named Jonas.
same      0.99  User has been vegetarian since 2018. << User is vegetarian since 2018.

# replaced by what is new
replaces  0.45  The user shared that they moved to Utrecht last month to be closer to family. << User lives in Ghent.
replaces  0.67  User is now based in Madrid. << User resides in Valencia.
replaces  0.71  User turned 30. << User is 29 years old.
replaces  0.38  User joined Spotify as a backend engineer. << User works for Klarna.
replaces  0.69  User was promoted to head of nursing. << User works as a ward nurse.
replaces  0.74  User got divorced. << User is married.
replaces  0.55  User's favorite band is Wilco now. << User's favorite band is Radiohead.
replaces  0.90  User's email address is ana@new.example. << User's email is ana@old.example.
replaces  0.74  User is in the Europe/Lisbon timezone. << User's timezone is Europe/Berlin.
replaces  0.83  User eats meat again and is no longer vegan. << User is vegan.
replaces  0.76  The user asked to keep answers detailed. << The user asked to keep answers short.
replaces  0.65  The user asked to reply in English from now on. << The user asked to always answer in Portuguese.
replaces  0.57  User sold the Fiat and now drives a Skoda Enyaq. << User drives a Fiat Panda.
replaces  0.87  User's dentist appointment was moved to 12 June at 9:00. << User's dentist appointment is on 5 June at 14:00.
replaces  0.95  User's monthly rent is now 1,350 EUR. << User's monthly rent is 1,200 EUR.
replaces  0.78  User no longer enjoys running. << User likes running.
replaces  0.76  User quit smoking. << User smokes.
replaces  0.61  User cancelled the trip to Iceland. << User is planning a trip to Iceland.
replaces  0.80  Project Heron has been shipped. << Project Heron is in development.
replaces  0.58  User's manager is now Priya. << User's manager is Tom.
replaces  0.35  The user would like to be called Kit. << The user asked to be called Katherine.
replaces  0.90  User has two children. << User has one child.
replaces  0.71  User's cat is named Miso. << User's cat is called Soba.
replaces! 0.90  User goes to the gym in the mornings instead of in the evenings. << User goes to the gym in the evenings.
replaces! 0.46  User takes the train to work now. << User commutes by car.
replaces  0.94  User is no longer allergic to eggs. << User is allergic to eggs.
replaces  0.85  User prefers aisle seats over window seats. << User prefers window seats.

# neither, though near
neither   0.70  User used to live in Naples. << User lives in Milan.
neither   0.73  User's brother lives in Hamburg. << User lives in Bremen.
neither   0.89  User likes black tea. << User likes tea.
neither   0.53  User is allergic to shellfish. << User is allergic to peanuts.
neither   0.78  User also speaks Catalan. << User speaks Spanish.
neither   0.63  User has a daughter called Ida. << User has a son called Emil.
neither   0.58  User's wife works at Siemens. << User works at Bosch.
neither   0.74  User visited Kyoto in 2023. << User visited Osaka in 2023.
neither   0.62  User loves the smell of coffee. << User drinks no coffee.
neither   0.70  User was born in Hamburg. << User lives in Bremen.
neither   0.45  User worked at IBM until 2019. << User works at Google.
neither   0.65  User wants to move to Norway. << User lives in Denmark.
neither   0.58  User's favorite color is green. << User's favorite food is green curry.
neither   0.69  User's dentist appointment is on 12 June. << User's eye doctor appointment is on 5 June.
neither   0.67  User's rent is 1,200 EUR. << User's salary is 4,200 EUR.
neither   0.92  User ran 10 km on Sunday. << User ran 5 km on Saturday.
neither   0.69  User's friend Ben is vegan. << User is vegetarian.
neither   0.65  The user asked to answer in German in emails to the landlord. << The user asked to answer in English.
neither   0.28  Project Lark was cancelled. << Project Heron is in development.
neither   0.83  User speaks German and is learning Dutch. << User speaks German.
neither   0.70  Der Nutzer mag keinen Kaffee. << Der Nutzer mag Tee.
neither   1.00  User flies from Berlin to Oslo on Mondays. << User flies from Oslo to Berlin on Mondays.
neither!  0.14  User adopted a dog called Nala. << User works at Bosch.
neither!  0.34  User's mother moved to Faro. << User lives in Leiden.
neither   0.62  User plays the piano. << User plays the cello.
neither   0.51  User might move to Vienna next year. << User lives in Graz.
neither   0.67  User's budget for the kitchen is 8,000 EUR. << User's budget for the holiday is 3,000 EUR.
neither   0.41  User's colleague was promoted to team lead. << User works as a developer.
neither   0.95  User likes hiking in the mountains with old school friends every summer. << User likes hiking in the mountains with old school friends every winter.
"""  # noqa: E501
